Feature: A number that PDS no longer uses is not sent again

  Rule: With a replacement the plan goes on under the new number

    @IN-01 @CPIS-INA-001 @CPIS-INA-002 @CPIS-INA-003 @CPIS-INA-004 @CPIS-INA-006
    Scenario: A replaced number is taken over
      Given a child on a child protection plan
      And the service has stored the authority's file
      And a marker child on a child protection plan
      When PDS replaces the child's number and the service tells the authority
      And the authority exports its next file
      Then the service has told the authority of the inactive number
      And an alert about the inactive number stands with somebody
      And the child's plan is in the new file under the new number exactly once
      And the old number is in no new file

    @IN-09 @CPIS-DAT-005 @CPIS-INA-004
    Scenario: A mother's replaced number is taken over for the unborn child's plan
      Given an unborn child with a plan
      And the service has stored the authority's file
      When PDS replaces the mother's number and the service tells the authority
      And the authority exports its next file
      Then the mother's plan is in the new file under the new number exactly once
      And the mother stands with her own name and birth date

  Rule: Without a replacement the problem stays visible while the plan is open

    @IN-02 @CPIS-INA-002 @CPIS-INA-003 @CPIS-INA-005
    Scenario: A retired number stays an exception while the plan is open
      Given a child on a child protection plan
      And the service has stored the authority's file
      And a marker child on a child protection plan
      When PDS retires the child's number and the service tells the authority
      And the child's family name is corrected in the authority's system
      And the authority exports its next file
      Then the service has told the authority of the inactive number
      And an exception about the child's number is open
      And the old number is in no new file

    @IN-03 @CPIS-INA-003
    Scenario: For an ended plan no exception stays open
      Given a child whose child protection plan ended last month
      And a second child on a child protection plan
      And the service has stored the authority's file
      And a marker child on a child protection plan
      When PDS retires the numbers of the child and the second child and the service tells the authority
      And the authority exports its next file
      Then no exception about the child's number is open
      And the old numbers are in no new file

    @IN-05 @CPIS-INA-001 @CPIS-INA-003
    Scenario: Several persons in one message are all acted on
      Given three children on child protection plans
      And the service has stored the authority's file
      And a marker child on a child protection plan
      When PDS retires the numbers of the three children and the service tells the authority
      And the authority exports its next file
      Then the service has told the authority of the inactive numbers
      And none of the three old numbers is in a new file

    @IN-06 @CPIS-INA-004
    Scenario: A number typed in by hand closes the exception
      Given a child on a child protection plan
      And the service has stored the authority's file
      And PDS has retired the child's number and the service has told the authority
      And a data officer has entered the child's new number
      When the authority exports its next file
      Then the child's plan is in the new file under the new number exactly once
      And no exception about the child's number is open

    @IN-10 @CPIS-NTF-014
    Scenario: An unknown inactive number is kept on the exception list
      Given a child on a child protection plan
      When the service delivers an inactive number that the authority does not hold
      Then the inactive number is on the exception list
