Feature: What a service shows of a plan, and for how long

  Rule: The same plan is replaced, another one is added, and what is left out stays

    @FD-32 @CPIS-UPL-011
    Scenario: A plan that is sent again with its end is the same plan
      Given a child on PDS
      And the authority has shared a child protection plan of the child
      When the authority shares a child protection plan of the child, ended 3 days ago
      Then the service shows the child's plan as it was shared last

    @FD-32 @CPIS-UPL-011
    Scenario: An end can be taken back
      Given a child on PDS
      And the authority has shared a child protection plan of the child, ended 3 days ago
      When the authority shares a child protection plan of the child
      Then the service shows the child's plan as it was shared last

    @FD-32 @CPIS-UPL-011
    Scenario: A plan with another start is another plan
      Given a child on PDS
      And the authority has shared a child protection plan of the child begun 90 days ago, ended 60 days ago
      When the authority shares a child protection plan of the child begun 10 days ago
      Then the service shows the child's plans as they were shared last

    @FD-31 @CPIS-UPL-009 @CPIS-UPL-010 @CPIS-UPL-012
    Scenario: The same content under a new id changes nothing
      Given a child on PDS
      And the authority has shared a child protection plan of the child
      When the authority shares a child protection plan of the child
      Then the service shows the child's plan as it was shared last

    @FD-31 @CPIS-UPL-009 @CPIS-UPL-010 @CPIS-UPL-012
    Scenario: A child that a file leaves out keeps its plan
      Given a child on PDS
      And a second child on PDS
      And the authority has shared a child protection plan of the child
      When the authority shares a child protection plan of the second child
      Then the service shows the child's plan as it was shared last

    @SV-05 @CPIS-DAT-010 @CPIS-DAT-009
    Scenario: A withdrawn plan vanishes at once
      Given a child on PDS
      And the authority has shared a child protection plan of the child begun 90 days ago
      And the authority has shared a looked-after plan of the child
      When the authority shares a child protection plan of the child begun 90 days ago, withdrawn today
      Then the service shows the child's plan as it was shared last

  Rule: An ended plan is shown with its end for 365 days

    @SV-39 @CPIS-RSP-009 @CPIS-DAT-018
    Scenario: An ended plan is shown with its end
      Given a child on PDS
      And the authority has shared a child protection plan of the child
      When the authority shares a child protection plan of the child, ended 3 days ago
      Then the service shows the child's plan as it was shared last

    @LK-06 @CPIS-DAT-018
    Scenario: On the 365th day after its end a plan is still shown
      Given a child on PDS
      And the authority has shared a child protection plan of the child, ended today
      When 365 days pass
      Then the service shows the child's plan as it was shared last

    @LK-06 @CPIS-DAT-018
    Scenario: On the 366th day after its end a plan is shown no more
      Given a child on PDS
      And the authority has shared a child protection plan of the child, ended today
      When 366 days pass
      Then the service shows nothing of the child

    @FD-27 @CPIS-DAT-018
    Scenario: An end that is told late gives a plan no more days
      Given a child on PDS
      And the authority has shared a child protection plan of the child begun 500 days ago
      When the authority shares a child protection plan of the child begun 500 days ago, ended 366 days ago
      Then the service shows nothing of the child

    @SV-46 @CPIS-DAT-018
    Scenario: On 29 February the 365th day after 1 March has come
      Given a child on PDS
      And the authority has shared a child protection plan of the child, ended on 2027-03-01
      When it becomes 2028-02-29
      Then the service shows the child's plan as it was shared last

    @SV-46 @CPIS-DAT-018
    Scenario: A year with 29 February is a day longer than a plan is shown
      Given a child on PDS
      And the authority has shared a child protection plan of the child, ended on 2027-03-01
      When it becomes 2028-03-01
      Then the service shows nothing of the child

  Rule: An unborn child's plan is shown until 28 days after the due date

    @LK-07 @CPIS-DAT-019 @CPIS-DAT-020
    Scenario: On the 28th day after the due date the plan is still shown
      Given a mother of 25 on PDS
      And the authority has shared an unborn child's plan of the mother, due in 10 days
      When 38 days pass
      Then the service shows the mother's plan as it was shared last

    @LK-07 @CPIS-DAT-019
    Scenario: On the 29th day after the due date the plan is shown no more
      Given a mother of 25 on PDS
      And the authority has shared an unborn child's plan of the mother, due in 10 days
      When 39 days pass
      Then the service shows nothing of the mother

    @SV-45 @CPIS-DAT-017
    Scenario: An unborn child's plan is kept whatever the mother's age
      Given a mother of 25 on PDS
      When the authority shares an unborn child's plan of the mother
      Then the file is answered CPF02
      And the service shows the mother's plan as it was shared last

  Rule: With the eighteenth birthday a child's plan ends

    @SV-22 @CPIS-DAT-016
    Scenario: An open plan ends on the eighteenth birthday
      Given a child on PDS who turns 18 in 10 days
      And the authority has shared a child protection plan of the child
      When 40 days pass
      Then the service shows the child's plan as ended on the eighteenth birthday

    @SV-22 @CPIS-DAT-016
    Scenario: On the day before the eighteenth birthday a plan is open
      Given a child on PDS who turns 18 in 10 days
      And the authority has shared a child protection plan of the child
      When 4 days pass
      Then the service shows the child's plan as it was shared last

    @SV-22 @CPIS-DAT-016
    Scenario: After the eighteenth birthday nothing more is taken
      Given a child on PDS who turns 18 in 10 days
      And the authority has shared a child protection plan of the child
      And 40 days have passed
      When the authority tries to share a child protection plan of the child, ended 3 days ago
      Then the file is answered CPF04, the child failed with CPR07

  Rule: What one authority shares another cannot change

    @SV-12 @CPIS-DAT-022 @CPIS-DAT-023
    Scenario: The same plan of two authorities is two entries
      Given a child on PDS
      And the authority has shared a child protection plan of the child
      When the second authority shares a child protection plan of the child
      Then the service shows the child's plans as they were shared last

    @SV-12 @CPIS-DAT-022 @CPIS-DAT-023
    Scenario: An end that one authority sends is none of the other's
      Given a child on PDS
      And the authority has shared a child protection plan of the child
      And the second authority has shared a child protection plan of the child
      When the second authority shares a child protection plan of the child, ended 3 days ago
      Then the service shows the child's plans as they were shared last

  Rule: The number is the only key

    @LK-30 @CPIS-DAT-004
    Scenario: Twins are kept apart by their numbers
      Given twins on PDS
      And the authority has shared both twins' plans in one file
      When the authority shares a looked-after plan of the second twin
      Then the service shows the first twin's plan as it was shared last
      And the service shows the second twin's plans as they were shared last

    @SV-43 @CPIS-DAT-004 @CPIS-RSP-003
    Scenario: Under a twin's number nothing is found of the other
      Given twins on PDS
      When the authority shares a child protection plan of the first twin
      Then the service shows nothing of the second twin

    @LK-23 @CPIS-RSP-010
    Scenario: Under a merged number nothing is found until the new one was shared
      Given a child on PDS
      And the authority has shared a child protection plan of the child
      When PDS merges the child's number
      Then the service shows nothing of the child
