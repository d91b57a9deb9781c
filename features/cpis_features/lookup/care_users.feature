Feature: Who may ask, about whom, and what the query says of them

  Rule: The role decides

    Background:
      Given a child on a child protection plan
      And the service has stored the authority's file

    @LK-24 @CPIS-IG-001 @CPIS-IG-004
    Scenario: A user with neither code is told so, and nothing is asked
      Given whoever asks has no CP-IS code
      When an emergency department looks the child up
      And an entitled user looks the marker person up afterwards
      Then the user is told that access is denied

    @SA-01 @CPIS-IG-001 @CPIS-IG-002
    Scenario: A user with B0107 at an unscheduled desk notifies
      Given whoever asks has B0107
      When an emergency department looks the child up
      Then the query is not silent, and the plan is shown

    @SA-02 @CPIS-IG-002
    Scenario: A user with B0170 alone reads silently, even at an unscheduled desk
      Given whoever asks has B0170 alone
      When an emergency department looks the child up
      Then the query is silent, and the plan is shown

    @SA-03 @CPIS-IG-002
    Scenario: For a user with both codes the desk decides
      Given whoever asks has B0107 and B0170
      When an emergency department looks the child up
      And community paediatrics looks the child up
      Then the queries are not silent and then silent, and the plan is shown

    @LK-16 @CPIS-QRY-008
    Scenario: A scheduled setting's query says that it is silent
      When school nursing looks the child up
      Then the lookup went out as a silent one

    @SA-14 @CPIS-IG-003 @CPIS-QRY-005
    Scenario: With nobody signed in nobody is named
      When nobody is signed in and the care system is asked about the child
      And an entitled user looks the marker person up afterwards
      Then nobody is named who is not signed in

    @LK-18 @CPIS-QRY-006
    Scenario: A remote service's query says where the patient is and whom to ring there
      When NHS 111 looks the child up
      Then the query of the NHS 111 names place and safeguarding lead as configured

  Rule: The number is known to be the patient's

    @LK-11 @CPIS-QRY-002
    Scenario: A number that is not verified is not asked about
      Given a child on a child protection plan
      And the service has stored the authority's file
      And the child's number is not verified in the care system
      When an emergency department looks the child up
      And an entitled user looks the marker person up afterwards
      Then the user is told that the number is not verified

    @LK-33 @CPIS-DAT-029
    Scenario: A number with a wrong check digit is not asked about
      Given a patient whose number has a wrong check digit
      When an emergency department looks the person up
      And an entitled user looks the marker person up afterwards
      Then the user is told that the number is not valid

  Rule: Every lookup is on record

    @SA-06 @CPIS-IG-005
    Scenario: A found, a not-found and a silent lookup are in the audit trail
      Given a child on a child protection plan
      And a person on PDS without any plan
      And the service has stored the authority's file
      When an emergency department looks up the child and the person, and general practice the child
      And an auditor asks for the audit trail afterwards
      Then the audit trail tells of each lookup once

  Rule: Times are true

    @RL-15 @CPIS-DAT-012
    Scenario: Queries tell the true time when the clocks go back and on a leap day
      Given a child on a child protection plan
      And the service has stored the authority's file
      When the child is looked up before and after the clocks go back, and on a leap day
      Then each query tells the time that the clock showed
