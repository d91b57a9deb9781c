Feature: What is held is on the screen of the right patient, and what is not known is not made up

  Rule: Past is told from present

    @LK-05 @CPIS-RSP-009 @CPIS-UI-005
    Scenario: A plan that ended last month is shown as past
      Given a child whose child protection plan ended 30 days ago
      And the service has stored the authority's file
      When an emergency department looks the child up
      Then the child's plan is shown as past, with its end date

  Rule: An alert stands where something is held, and nowhere else

    @LK-27 @CPIS-DAT-001 @CPIS-UI-004
    Scenario Outline: An alert stands on <person>
      Given <person>
      And the service has stored the authority's file
      When a walk-in centre looks the child up
      Then an alert stands on the child, naming the plan type

      Examples:
        | person                                                  |
        | a child on a child protection plan                      |
        | a looked-after child under section 31                   |
        | a child whose child protection plan ended 200 days ago  |
        | a child whose looked after status ended 200 days ago    |

    @LK-27 @CPIS-DAT-001 @CPIS-UI-004
    Scenario Outline: An alert stands on <woman>
      Given <woman>
      And the service has stored the authority's file
      When a maternity unit looks the mother up
      Then an alert stands on the mother, naming the plan type

      Examples:
        | woman                                                       |
        | an unborn child with a plan                                 |
        | a woman whose unborn child with a plan was due 20 days ago  |

    @LK-27 @CPIS-DAT-001 @CPIS-UI-004
    Scenario: No alert stands on a child whose plan ended more than a year ago
      Given a child whose child protection plan, shared by another authority, ended 370 days ago
      When a walk-in centre looks the child up
      Then no alert stands on the child

    @LK-27 @CPIS-DAT-001 @CPIS-UI-004
    Scenario: No alert stands on a woman 29 days after her due date
      Given a woman whose unborn child with a plan, shared by another authority, was due 29 days ago
      When a maternity unit looks the mother up
      Then no alert stands on the mother

    @LK-27 @CPIS-DAT-001 @CPIS-UI-004
    Scenario: No alert stands on a person of whom nothing is held
      Given a person on PDS without any plan
      When a walk-in centre looks the person up
      Then no alert stands on the person

  Rule: A plan for an unborn child is not the woman's own

    @LK-03 @CPIS-UI-006
    Scenario: The alert on a pregnant woman says that it concerns her unborn child
      Given an unborn child with a plan
      And the service has stored the authority's file
      When a maternity unit looks the mother up
      Then the alert on the mother says that it concerns her unborn child

  Rule: Who looked before is shown

    @LK-09 @CPIS-RSP-006 @CPIS-UI-003
    Scenario Outline: After <count> earlier lookups the accesses are shown, 25 at most
      Given a child on a child protection plan
      And the service has stored the authority's file
      And <count> earlier lookups of the child by different workers
      When an emergency department looks the child up
      Then the accesses are shown, each with time, name, role and organisation

      Examples:
        | count |
        | no    |
        | 1     |
        | 24    |
        | 25    |

    @LK-10 @CPIS-RSP-006
    Scenario: An access by a system names the system and the person responsible for it
      Given a child on a child protection plan
      And the service has stored the authority's file
      And an earlier lookup of the child by NHS 111
      When an emergency department looks the child up
      Then the accesses are shown, each with time, name, role and organisation

  Rule: Four messages are four

    @LK-04 @CPIS-UI-007
    Scenario: No record, an outage, an unverified number and a closed door read differently
      Given a person on PDS without any plan
      When somebody looks up four people: one without a record, one in an outage, one unverified, one without a role code
      Then each of them reads a message of its own

  Rule: An answer is shown on its own patient

    @LK-35 @CPIS-RSP-003 @CPIS-RSP-012
    Scenario: Of twins only the one on a plan is shown with it
      Given twins of whom only the first is on a child protection plan
      And the service has stored the authority's file
      When an emergency department looks the second twin up, and then the first
      Then no record is shown for the second twin
      And the plan of the first twin is shown on the first twin

  Rule: What is missing is told

    @LK-08 @CPIS-RSP-002
    Scenario: An answer that announces more than it holds is not shown as if it were whole
      Given a child on a child protection plan
      And the service has stored the authority's file
      And the reply to the next lookup is with a total that announces one record more
      When an emergency department looks the child up
      Then the answer is shown as incomplete, or its status as unknown

  Rule: Consent is no condition

    @SA-13 @CPIS-IG-011
    Scenario: A child whose consent is recorded as refused is looked up like any other
      Given a child on a child protection plan
      And the service has stored the authority's file
      And consent is recorded as refused for the child in the care system
      When an emergency department looks the child up
      Then the plan is shown with its authority and both telephones
