Feature: Whom a service lists, and whom it tells

  Background:
    Given a child on PDS
    And the authority has shared a child protection plan of the child

  Rule: An answer lists the latest 25 unscheduled accesses, its own included

    @SV-40 @CPIS-DAT-024 @CPIS-RSP-006
    Scenario: The first answer lists itself
      When a doctor asks about the child
      Then the last answer lists access 1

    @SV-40 @CPIS-DAT-024 @CPIS-RSP-006
    Scenario: Of 26 accesses the oldest drops out
      Given 25 doctors have asked about the child, one after the other
      When a doctor asks about the child
      Then the last answer lists accesses 26 to 2

    @SV-41 @CPIS-RSP-006
    Scenario: A system's access is listed with the person responsible
      Given a system has asked about the child
      When a doctor asks about the child
      Then the last answer lists accesses 2 and 1

    @LK-26 @CPIS-RSP-007 @CPIS-RSP-008
    Scenario: The newest access stands first
      Given a doctor has asked about the child
      And another doctor has asked about the child
      When a third doctor asks about the child
      Then the last answer lists accesses 3, 2 and 1, in this order

    @LK-26 @CPIS-RSP-007 @CPIS-RSP-008
    Scenario: An author's repeat within 24 hours is left out
      Given another doctor has asked about the child
      And a doctor has asked about the child
      And 23 hours and 50 minutes have passed
      When the same doctor asks about the child
      Then the last answer lists accesses 2 and 1, in this order

    @LK-26 @CPIS-RSP-007 @CPIS-RSP-008
    Scenario: An author's repeat after 24 hours is listed
      Given another doctor has asked about the child
      And a doctor has asked about the child
      And 24 hours and 1 minutes have passed
      When the same doctor asks about the child
      Then the last answer lists accesses 3, 2 and 1, in this order

    @LK-26 @CPIS-RSP-007 @CPIS-RSP-008
    Scenario: In the night in which clocks go back 24 hours are 24 hours
      Given it has become 2027-10-30
      And 11 hours and 40 minutes have passed
      And another doctor has asked about the child
      And a doctor has asked about the child
      And 24 hours and 30 minutes have passed
      When the same doctor asks about the child
      Then the last answer lists accesses 3, 2 and 1, in this order

    @LK-26 @CPIS-RSP-007 @CPIS-RSP-008
    Scenario: A repeat does not begin the 24 hours anew
      Given another doctor has asked about the child
      And a doctor has asked about the child
      And 23 hours and 0 minutes have passed
      And the same doctor has asked about the child
      And 2 hours and 0 minutes have passed
      When the same doctor asks about the child
      Then the last answer lists accesses 4, 2 and 1, in this order

  Rule: A silent read leaves no trace

    @LK-25 @CPIS-DAT-025
    Scenario: A silent read is in no later answer
      Given a doctor has asked about the child, silently
      When another doctor asks about the child
      Then the last answer lists access 2

    @SV-42 @CPIS-QRY-008 @CPIS-NTF-002
    Scenario: A silent read shows the same plans, and nobody is told
      Given a doctor has asked about the child, silently
      When another doctor asks about the child
      Then every answer holds the child's plan
      And the authority is told of access 2 once, and of no other

    @LK-17 @CPIS-QRY-009
    Scenario: Without the flag an access is unscheduled
      Given a doctor has asked about the child, without a flag
      When another doctor asks about the child
      Then the last answer lists accesses 2 and 1
      And the authority is told of access 1 once

  Rule: Each authority with an entry is told of each access, and nobody else

    @NT-07 @CPIS-NTF-005 @CPIS-IG-010
    Scenario: Both authorities of a child are told
      Given the second authority has shared a looked-after plan of the child
      And a second child on PDS
      And the second authority has shared a looked-after plan of the second child
      When a doctor asks about the child
      Then the authority is told of access 1 once
      And the second authority is told of access 1 once

    @SV-13 @CPIS-IG-010
    Scenario: An authority that has no entry of the child is not told
      Given a second child on PDS
      And the second authority has shared a looked-after plan of the second child
      And a doctor has asked about the child
      When a doctor asks about the second child
      Then the second authority is told of access 2 once, and of no other

    @SV-13 @CPIS-IG-010
    Scenario: An authority that has withdrawn its entry is not told
      Given a second child on PDS
      And the second authority has shared a looked-after plan of the second child
      And the second authority has shared a child protection plan of the child
      And the second authority has shared a child protection plan of the child, withdrawn today
      And a doctor has asked about the child
      When a doctor asks about the second child
      Then the second authority is told of access 2 once, and of no other

    @SV-14 @CPIS-NTF-001
    Scenario: A repeat that no answer lists is told all the same
      Given a doctor has asked about the child
      When the same doctor asks about the child
      Then the authority is told of accesses 1 and 2 once

    @SV-15 @CPIS-NTF-003
    Scenario: An access that finds nothing is told to nobody
      Given a second child on PDS
      And the authority has shared a looked-after plan of the second child, withdrawn today
      And a doctor has asked about the second child
      When a doctor asks about the child
      Then the authority is told of access 2 once, and of no other

    @SV-44 @CPIS-IG-005
    Scenario: Of each access it is kept who, in what role, of which organisation, about whom and when
      Given a doctor has asked about the child
      When another doctor asks about the child
      Then the last answer lists accesses 2 and 1
      And the authority is told of accesses 1 and 2 once

    @NT-16 @CPIS-NTF-009
    Scenario: In windows the same accesses come as one file
      Given the service holds its notifications back
      And a doctor has asked about the child
      And another doctor has asked about the child
      When the window of notifications ends
      Then the authority is told of accesses 1 and 2 in one file

  Rule: A query that lacks something is refused, with what it lacks

    @LK-14 @CPIS-QRY-003 @CPIS-QRY-004 @CPIS-QRY-005 @CPIS-RSP-011
    Scenario Outline: A query without <part> is refused
      When a query about the child without <part> arrives
      Then the query is refused, and what is missing is named as <words>

      Examples:
        | part                                | words                           |
        | an author                           | authorPerson or authorDevice    |
        | a role code                         | Job Role Code                   |
        | a role name                         | Job Role Name                   |
        | a user id                           | authorID                        |
        | an organisation                     | Organisation Code               |
        | a person responsible for the system | authorDevice.assignedPersonName |

    @LK-15 @CPIS-QRY-007 @CPIS-RSP-011
    Scenario Outline: A query that lacks <part> is refused
      When a query about the child without <part> arrives
      Then the query is refused, and what is missing is named as <words>

      Examples:
        | part          | words      |
        | an event id   | Event ID   |
        | a time        | Event Time |
        | an NHS number | NHS Number |
