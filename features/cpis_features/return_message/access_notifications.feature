Feature: An access reaches the right child's file and the right people

  Rule: Every unscheduled access is filed once, with who, where and when

    @NT-01 @CPIS-NTF-001 @CPIS-NTF-007 @CPIS-NTF-010 @CPIS-NTF-011
    Scenario: An emergency department's access is filed on the child
      Given a child on a child protection plan
      And the service has stored the authority's file
      When an emergency department looks the child up
      Then the authority is sent one notification of the access
      And the access is on the child's file once, with who, where and when

    @NT-02 @CPIS-NTF-002
    Scenario: A silent read notifies nobody
      Given a child on a child protection plan
      And the service has stored the authority's file
      When school nursing looks the child up
      And an emergency department looks the child up afterwards
      Then no notification tells of the silent read

    @NT-03 @CPIS-NTF-003
    Scenario: Where nothing is held nobody is notified
      Given a person on PDS without any plan
      And a child on a child protection plan
      And the service has stored the authority's file
      When an emergency department looks the person up
      And an emergency department looks the child up afterwards
      Then no notification tells of the person

    @NT-04 @CPIS-NTF-006
    Scenario: A batch is split into one event for each access
      Given a child on a child protection plan
      And the service has stored the authority's file
      And a second child on a child protection plan
      And a third child on a child protection plan
      And the service has stored the authority's file
      And the service holds its notifications back
      And each of the three children was looked up by an emergency department
      When the service delivers the notifications that wait
      Then the authority is sent one notification of the three accesses
      And each access is on its own child's file once, with who, where and when

    @NT-05 @CPIS-NTF-006 @CPIS-NTF-007
    Scenario: Three accesses to one child are three events
      Given a child on a child protection plan
      And the service has stored the authority's file
      And the service holds its notifications back
      And the child was looked up by an emergency department, an ambulance and a maternity unit
      When the service delivers the notifications that wait
      Then the three accesses are on the child's file once each, with who, where and when

    @NT-06 @CPIS-NTF-008
    Scenario: An empty notification is accepted and leads to no event
      Given a child on a child protection plan
      When the service delivers a notification with total 0
      And the service delivers an access to a marker child afterwards
      Then no event is on the child's file
      And no other event is on the marker child's file

    @NT-11 @CPIS-NTF-015
    Scenario: The same event twice is one event
      Given a child on a child protection plan
      And an access to the child has been filed
      When the service delivers the same event again
      And the service delivers an access to a marker child afterwards
      Then the access is on the child's file once, with who, where and when

    @NT-13 @CPIS-NTF-011
    Scenario: A worker's accented name is kept letter for letter
      Given a child on a child protection plan
      When the service delivers an access to the child by a worker with a long accented name
      Then the access is on the child's file once, with who, where and when

    @NT-12 @CPIS-NTF-007 @CPIS-NTF-011
    Scenario: A system's access shows the safeguarding lead and the phone number
      Given a child on a child protection plan
      When the service delivers an access to the child by a system whose role text holds a lead's name and phone
      Then the access is on the child's file once, with who, where and when

    @NT-15 @CPIS-NTF-006
    Scenario: A total that differs from the accesses is shown, and all are filed
      Given a child on a child protection plan
      And a second child on a child protection plan
      When the service delivers a notification with too high a total and an access to each of the two children
      Then each access is on its own child's file once, with who, where and when
      And the contradiction is shown

    @NT-19 @CPIS-UI-009
    Scenario: The social worker sees who viewed the record
      Given a child on a child protection plan
      And an access to the child has been filed
      When the social worker opens the child's file
      Then the access is on the child's file once, with who, where and when

  Rule: The child is found by its identifiers, and by nothing else

    @NT-08 @CPIS-NTF-010
    Scenario: An access to the mother of an unborn child is on her case
      Given an unborn child with a plan
      And a child on a child protection plan
      When the service delivers an access to the mother
      And the service delivers an access to a marker child afterwards
      Then the access is on the mother's file once, with who, where and when
      And no event is on the child's file

    @NT-10 @CPIS-NTF-014
    Scenario: An access to an unknown person is kept on the exception list
      Given a child on a child protection plan
      When the service delivers an access to a number that the authority does not hold
      And the service delivers an access to a marker child afterwards
      Then the access is on the exception list with all its content
      And no event is on the child's file

    @NT-17 @CPIS-NTF-007 @CPIS-NTF-010
    Scenario: A child is found with its local id and without it
      Given a child on a child protection plan
      When the service delivers an access to the child with number and local id, and one with the number alone
      Then both accesses are on the child's file once each, with who, where and when

    @NT-22 @CPIS-IG-010 @CPIS-NTF-018
    Scenario: A notification for another authority is refused
      Given a child on a child protection plan
      When the service delivers an access to the child that is addressed to another authority
      And the service delivers an access to a marker child afterwards
      Then no event is on the child's file
      And the access is on the exception list

    @NT-23 @CPIS-NTF-019
    Scenario: A number and a local id of two children are filed on neither
      Given a child on a child protection plan
      And a second child on a child protection plan
      When the service delivers an access with the child's number and the second child's local id
      And the service delivers an access to a marker child afterwards
      Then the access is on the exception list
      And no event is on the child's file
      And no event is on the second child's file

    @NT-24 @CPIS-NTF-010
    Scenario Outline: An access to one twin is on that twin's file
      Given twins on child protection plans
      When the service delivers an access to the <one> twin
      And the service delivers an access to a marker child afterwards
      Then the access is on the <one> twin's file once, with who, where and when
      And no event is on the <other> twin's file

      Examples: whichever was recorded first
        | one    | other  |
        | first  | second |
        | second | first  |

  Rule: The people responsible at that moment are alerted

    @NT-20 @CPIS-NTF-012 @CPIS-NTF-017
    Scenario: The responsible team is alerted and no other
      Given a child on a child protection plan
      And a second child on a child protection plan
      And the child is allocated to a worker of one team
      And the second child is allocated to a worker of another team
      When the service delivers an access to the child
      And the service delivers an access to a marker child afterwards
      Then the child's worker or team has one alert of the access
      And the second child's worker and team have none

    @NT-21 @CPIS-NTF-017
    Scenario: After a re-allocation the new worker is alerted, and without one the triage point
      Given a child on a child protection plan
      And a second child on a child protection plan
      And the child is allocated to a worker of one team
      And the child is now allocated to a new worker
      And the second child is allocated to nobody
      When the service delivers an access to the child and one to the second child
      And the service delivers an access to a marker child afterwards
      Then the child's worker or team has one alert of the access
      And the triage point has one alert of the access to the second child
      And the child's previous worker has none

    @NT-09 @CPIS-NTF-013
    Scenario: An access to a closed case reaches the triage point
      Given a child on a child protection plan
      And the child's case was closed 30 days ago
      When the service delivers an access to the child
      Then the triage point has one alert of the access to the child
