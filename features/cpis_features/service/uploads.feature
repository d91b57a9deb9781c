Feature: What a service stores, and what it refuses

  Authorities are played by the harness: it puts files into their folders, and looks at what comes back.

  Rule: The whole file is refused where its header cannot be trusted

    @SV-01 @CPIS-UPL-004
    Scenario: A file that holds fewer records than it declares is refused as a whole
      Given a child on PDS
      When the authority tries to share a plan of the child with too high a quantity
      Then the file is answered CPF01
      And the service shows nothing of the child

    @FD-16 @CPIS-UPL-013
    Scenario: An id that was processed is refused, and changes nothing
      Given a child on PDS
      And the authority has shared a child protection plan of the child
      When the authority tries to share a plan of the child under an id that was processed
      Then the file is answered CPF01
      And the service shows the child's plan as it was shared last

    @FD-26 @CPIS-UPL-015
    Scenario: A sender shares for nobody but itself
      Given a child on PDS
      When the authority tries to share a plan of the child under another's code
      Then the file is answered CPF01
      And the service shows nothing of the child

  Rule: Records stand for themselves

    @FD-33 @CPIS-UPL-014 @CPIS-ACK-002 @CPIS-DAT-007 @CPIS-DAT-008
    Scenario Outline: A record whose plan <lacks> fails, and the other one is stored
      Given a child on PDS
      And a second child on PDS
      When the authority shares plans of the second child and of the child, whose plan <lacks>
      Then the file is answered CPF03, 1 stored, the child failed with CPR07

      Examples:
        | lacks             |
        | has no start date |
        | has no due date   |

    @SV-02 @CPIS-DAT-001
    Scenario: A plan of a type that there is not is refused
      Given a child on PDS
      And a second child on PDS
      When the authority shares plans of the second child and of the child, whose plan has an unknown type
      Then the file is answered CPF03, 1 stored, the child failed with CPR07

    @SV-03 @CPIS-DAT-011
    Scenario: A plan date of eight digits is refused
      Given a child on PDS
      And a second child on PDS
      When the authority shares plans of the second child and of the child, whose plan has a date of eight digits
      Then the file is answered CPF03, 1 stored, the child failed with CPR07

    @SV-04 @CPIS-DAT-014
    Scenario: Without an emergency duty number nothing is stored
      Given a child on PDS
      When the authority tries to share a plan of the child without an emergency duty number
      Then the file is answered CPF04, the child failed with CPR07

    @SV-30 @CPIS-MSG-013
    Scenario: A plan that ends before it starts is refused
      Given a child on PDS
      And a second child on PDS
      When the authority shares plans of the second child and of the child, whose plan has an end before its start
      Then the file is answered CPF03, 1 stored, the child failed with CPR07

    @SV-31 @CPIS-MSG-006
    Scenario: A plan behind the name of another block is refused
      Given a child on PDS
      And a second child on PDS
      When the authority shares plans of the second child and of the child, whose plan stands behind the name of another block
      Then the file is answered CPF03, 1 stored, the child failed with CPR07

  Rule: Each file is answered with what became of it and of each of its records

    @SV-36 @CPIS-ACK-001 @CPIS-ACK-003 @CPIS-ACK-004
    Scenario: A file that was stored is answered CPF02
      Given a child on PDS
      When the authority shares a child protection plan of the child
      Then the file is answered CPF02, 1 stored

    @SV-36 @CPIS-ACK-001 @CPIS-ACK-003 @CPIS-ACK-004
    Scenario: A file of which some was stored is answered CPF03
      Given a child on PDS
      And a second child on PDS
      And a third child on PDS
      And PDS marks the third child as sensitive
      When the authority shares plans of the child, the second child and the third child in one file
      Then the file is answered CPF03, 2 stored, the third child failed with CPR02

    @SV-36 @CPIS-ACK-001 @CPIS-ACK-003 @CPIS-ACK-004
    Scenario: A file of which nothing was stored is answered CPF04
      Given a child on PDS
      And PDS marks the child as sensitive
      When the authority tries to share a child protection plan of the child
      Then the file is answered CPF04, the child failed with CPR02

    @SV-36 @CPIS-ACK-001 @CPIS-ACK-003 @CPIS-ACK-004
    Scenario: A file that is refused as a whole is answered CPF01, and counts nothing
      Given a child on PDS
      When the authority tries to share a plan of the child with too high a quantity
      Then the file is answered CPF01

    @SV-37 @CPIS-ACK-005 @CPIS-ACK-007 @CPIS-ACK-008
    Scenario: Each failed record is answered with its own code, in its own place
      Given a child on PDS
      And a second child on PDS
      And a third child on PDS
      And PDS has another birth date for the second child
      And PDS marks the third child as sensitive
      When the authority shares plans of the child, the second child and the third child in one file
      Then the file is answered CPF03, 1 stored, the second child failed with CPR03 and the third child with CPR02

  Rule: PDS has the last word on who somebody is

    @SV-06 @CPIS-DAT-026
    Scenario: A name may differ in case
      Given a child on PDS
      And a second child on PDS
      When the authority shares plans of the second child and of the child with its family name in capitals
      Then the file is answered CPF02, 2 stored

    @SV-06 @CPIS-DAT-026
    Scenario: Of several given names the first is enough
      Given a child of two given names on PDS
      And a second child on PDS
      When the authority shares plans of the second child and of the child with the first of its given names
      Then the file is answered CPF02, 2 stored

    @SV-06 @CPIS-DAT-026
    Scenario Outline: A record with <another> than PDS has is refused
      Given a child on PDS
      And a second child on PDS
      When the authority shares plans of the second child and of the child with <another>
      Then the file is answered CPF03, 1 stored, the child failed with CPR03

      Examples:
        | another             |
        | another family name |
        | another given name  |
        | another birth date  |

    @SV-06 @CPIS-DAT-026
    Scenario: What was stored once is matched again
      Given a child on PDS
      And a second child on PDS
      And the authority has shared a child protection plan of the child
      When the authority shares plans of the second child and of the child with another birth date
      Then the file is answered CPF03, 1 stored, the child failed with CPR03

    @SV-07 @CPIS-UPL-021
    Scenario: A number that nobody has is answered CPR01
      Given a child whom PDS does not know
      When the authority tries to share a child protection plan of the child
      Then the file is answered CPF04, the child failed with CPR01

    @SV-07 @CPIS-UPL-021
    Scenario: A number with a wrong check digit is answered CPR04
      Given a child on PDS
      And a second child on PDS
      When the authority shares plans of the second child and of the child with a wrong check digit
      Then the file is answered CPF03, 1 stored, the child failed with CPR04

    @SV-07 @CPIS-UPL-021
    Scenario: A number that was merged is answered CPR05
      Given a child on PDS
      And PDS has merged the child's number
      When the authority tries to share a child protection plan of the child
      Then the file is answered CPF04, the child failed with CPR05

    @SV-08 @CPIS-UPL-020
    Scenario: Of a sensitive person nothing is stored
      Given a child on PDS
      And PDS marks the child as sensitive
      When the authority tries to share a child protection plan of the child
      Then the file is answered CPF04, the child failed with CPR02
      And the service shows nothing of the child once PDS marks it as sensitive no more

    @SV-09 @CPIS-INA-008
    Scenario: An entry under a merged number cannot be changed any more
      Given a child on PDS
      And the authority has shared a child protection plan of the child
      And PDS has merged the child's number
      When the authority tries to share a child protection plan of the child, ended 3 days ago
      Then the file is answered CPF04, the child failed with CPR05
      And the service shows nothing of the child

    @SV-10 @CPIS-INA-009
    Scenario: A birth date that was corrected before PDS is refused
      Given a child on PDS
      And the authority has corrected the child's birth date before PDS
      When the authority tries to share a child protection plan of the child
      Then the file is answered CPF04, the child failed with CPR03

    @SV-10 @CPIS-INA-009
    Scenario: A birth date is taken once PDS has followed
      Given a child on PDS
      And the authority has corrected the child's birth date before PDS
      And the authority has tried to share a child protection plan of the child
      And PDS has followed the correction of the child's birth date
      When the authority shares a child protection plan of the child
      Then the file is answered CPF02

  Rule: While PDS is away nothing is stored, and the same file may come again

    @SV-11 @CPIS-OPS-001
    Scenario: While PDS is away a file is answered CPF05, and nothing of it is stored
      Given a child on PDS
      And PDS is unavailable
      When the authority tries to share a child protection plan of the child
      Then the file is answered CPF05
      And the service shows nothing of the child

    @SV-11 @CPIS-OPS-001
    Scenario: The same file is stored once PDS is back
      Given a child on PDS
      And PDS is unavailable
      And the authority has tried to share a child protection plan of the child
      And PDS is available again
      When the authority drops the same file again
      Then the file is answered CPF02
      And the service shows the child's plan as it was shared last

  Rule: What cannot be read is refused unread

    @SV-19 @CPIS-MSG-001
    Scenario Outline: A file <broken> is refused as a whole
      Given a child on PDS
      When the authority drops a file <broken>
      Then the file is answered CPF01, unread

      Examples:
        | broken                                |
        | in UTF-16                             |
        | that is cut in the middle             |
        | that is empty but for its declaration |

    @SV-20 @CPIS-MSG-002
    Scenario Outline: A file <dangerous> is refused as a whole
      Given a child on PDS
      When the authority drops a file <dangerous>
      Then the file is answered CPF01, unread

      Examples:
        | dangerous               |
        | with a document type    |
        | with an internal entity |

    @SV-21 @CPIS-MSG-003
    Scenario: A file of another root is refused as a whole
      Given a child on PDS
      When the authority drops a file of another root
      Then the file is answered CPF01, unread

    @SV-18 @CPIS-DAT-012
    Scenario: A time with hours and without an offset is refused
      Given a child on PDS
      When the authority drops a file that was made at a time without an offset
      Then the file is answered CPF01, unread
