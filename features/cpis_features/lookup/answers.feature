Feature: A lookup tells what is held, and never less than is known

  @LK-01 @CPIS-QRY-001 @CPIS-RSP-001 @CPIS-UI-001 @CPIS-UI-002
  Scenario: A child on a child protection plan is found
    Given a child on a child protection plan
    And the service has stored the authority's file
    When an emergency department looks the child up
    Then the query asks for the number with a complete author
    And the answer holds the child's plan
    And the plan is shown with its authority and both telephones

  @LK-02 @CPIS-DAT-001 @CPIS-QRY-001 @CPIS-RSP-001 @CPIS-UI-001 @CPIS-UI-002
  Scenario: A looked-after child is found
    Given a looked-after child under section 20
    And the service has stored the authority's file
    When an emergency department looks the child up
    Then the query asks for the number with a complete author
    And the answer holds the child's plan
    And the plan is shown with its authority and both telephones

  @LK-03 @CPIS-DAT-005 @CPIS-UI-006
  Scenario: An unborn child's plan is found under the mother and shown as hers to carry
    Given an unborn child with a plan
    And the service has stored the authority's file
    When a maternity unit looks the mother up
    Then the answer holds the mother's plan
    And the mother's plan is shown with its authority and both telephones

  @LK-04 @CPIS-RSP-003 @CPIS-UI-007 @CPIS-UI-008
  Scenario: Nothing held is said as such
    Given a person on PDS without any plan
    When an emergency department looks the person up
    Then the lookup is answered with no record
    And no record is shown for the person
    And the words say that no record is no evidence of safety

  @LK-08 @CPIS-DAT-022 @CPIS-RSP-002
  Scenario: Plans of two authorities are both returned
    Given a child who is looked after by one authority and on a child protection plan of another
    When an emergency department looks the child up
    Then the answer holds both plans
    And both plans are shown with their authorities and telephones
