Feature: Who asks decides whether the authority is told

  Rule: Unscheduled settings notify

    @LK-31 @CPIS-NTF-001 @CPIS-NTF-007 @CPIS-QRY-008
    Scenario Outline: A lookup by <setting> notifies the authority
      Given a child on a child protection plan
      And the service has stored the authority's file
      When <setting> looks the child up
      Then the lookup went out as an unscheduled one
      And the authority is sent one notification of the access

      Examples:
        | setting                  |
        | an emergency department  |
        | A&E                      |
        | a walk-in centre         |
        | a minor injury unit      |
        | a maternity unit         |
        | an ambulance             |
        | GP out of hours          |
        | a children's ward        |
        | NHS 111                  |
        | an urgent treatment centre |

  Rule: Scheduled settings read silently

    @LK-32 @CPIS-NTF-002 @CPIS-QRY-008
    Scenario Outline: A lookup by <setting> is silent
      Given a child on a child protection plan
      And the service has stored the authority's file
      When <setting> looks the child up
      And an emergency department looks the child up afterwards
      Then the lookup went out as a silent one
      And the answers hold the child's plan
      And no notification tells of the silent read

      Examples:
        | setting          |
        | general practice |
        | school nursing   |
        | CAMHS            |
        | dentistry        |
        | a sexual assault referral centre |
        | a termination of pregnancy service |
        | community paediatrics |
