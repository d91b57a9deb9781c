Feature: An attendance is a ground to ask, and never waits for the answer

  @LK-29 @CPIS-QRY-010 @CPIS-QRY-014
  Scenario: Whoever is relevant is asked about at registration, and nobody when a list is opened
    Given a child on a child protection plan
    And the service has stored the authority's file
    And a pregnant woman and a man of 40 without any plan
    When a receptionist registers the child, the woman and the man, and opens a list of all three
    And an entitled user looks the marker person up afterwards
    Then the registrations of the child and the woman made queries that are not silent
    And opening the list made none

  @RL-01 @CPIS-OPS-007 @CPIS-QRY-013 @CPIS-UI-007
  Scenario: An attendance is completed before and after a lookup is given up
    Given a child on a child protection plan
    And the service has stored the authority's file
    When the child is registered twice, while a lookup waits for its answer and after it was given up
    Then the status is shown as unknown
    And both attendances were completed without waiting for CP-IS

  @RL-08 @CPIS-OPS-006
  Scenario: A lookup that waits when the system restarts is not lost
    Given a child on a child protection plan
    And the service has stored the authority's file
    When an emergency department's system restarts while a lookup of the child waits for its answer
    Then the answer is shown on the child, or its status as unknown

  @LK-28 @CPIS-NTF-004 @CPIS-UI-011
  Scenario: In a viewer, seeing an alert notifies nobody, and opening it names who did
    Given a child on a child protection plan
    And the service has stored the authority's file
    And somebody has seen the alert on the child
    When somebody else opens the alert
    Then one query notifies, and names whoever opened the alert
