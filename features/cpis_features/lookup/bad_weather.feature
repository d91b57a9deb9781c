Feature: Whatever happens on the way, nobody is shown a reassurance that nobody gave

  Background:
    Given a child on a child protection plan
    And the service has stored the authority's file

  Rule: No answer is not "no record"

    @RL-01 @CPIS-QRY-013 @CPIS-UI-007
    Scenario: A lookup that is not answered in time leaves the status unknown
      Given the next lookup meets no reply
      When an emergency department looks the child up
      Then the status is shown as unknown

    @LK-34 @CPIS-RSP-012
    Scenario: An answer about another person is not shown
      Given the next lookup is answered with another person's record
      When an emergency department looks the child up
      Then the status is shown as unknown

  Rule: An answer belongs to its own lookup

    @RL-02 @CPIS-OPS-006 @CPIS-QRY-011
    Scenario: An answer that comes too late is not shown on the next patient
      Given a second child on a child protection plan
      And the service has stored the authority's file
      And the reply to the next lookup comes when nobody waits for it any more
      When an emergency department looks the child up in vain, and then the second child
      Then the late answer is shown with its own lookup or not at all

    @RL-03 @CPIS-QRY-011
    Scenario: Answers that cross each other are each shown on their own patient
      Given a second child on a child protection plan
      And the service has stored the authority's file
      And the next lookup meets swapped replies
      When an emergency department looks both children up at once
      Then each child's plan is shown with its own lookup

  Rule: A query that is sent again is the same query

    @RL-04 @CPIS-QRY-012
    Scenario: A query that arrives twice is one access
      Given the next lookup meets a lost acknowledgement
      When an emergency department looks the child up
      And a walk-in centre looks the child up afterwards
      Then the access is recorded and notified once

    @RL-05 @CPIS-OPS-005
    Scenario: A query whose acknowledgement is lost is sent again under its own message id
      Given the next lookup meets a lost acknowledgement
      When an emergency department looks the child up
      Then the query was sent again under the same message id
