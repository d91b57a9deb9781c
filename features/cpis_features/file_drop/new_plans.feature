Feature: A plan reaches CP-IS in the authority's next file

  Rule: A child on a plan is uploaded once, under the verified NHS number

    @FD-01 @CPIS-DAT-001 @CPIS-DAT-007 @CPIS-DAT-013 @CPIS-UPL-001 @CPIS-UPL-002 @CPIS-UPL-006
    Scenario: A child on a child protection plan is in the next file exactly once
      Given a child on a child protection plan
      When the authority exports its next file
      Then a valid file with the child is dropped
      And the child's plan is in the file exactly once
      And the child stands with its own name, birth date and local id

    @FD-06 @CPIS-DAT-006
    Scenario: A looked-after child on a child protection plan is uploaded with both
      Given a looked-after child on a child protection plan
      When the authority's next file reaches the service
      Then both plans of the child are in the file
      And a lookup of the child returns both plans

    @FD-34 @CPIS-DAT-013
    Scenario: Twins are uploaded each under their own number
      Given twins on child protection plans
      When the authority exports its next file
      Then each twin stands with its own name, birth date and local id
      And each twin's plan is in the file exactly once

    @FD-23 @CPIS-DAT-001 @CPIS-DAT-005 @CPIS-DAT-006 @CPIS-DAT-007 @CPIS-DAT-008 @CPIS-DAT-009 @CPIS-DAT-011
    @CPIS-DAT-013 @CPIS-UPL-002
    Scenario: The file equals the assessor's data set
      Given the assessor's data set of all plan types, with ends, a withdrawal and local ids
      When the authority exports its next file
      Then a valid file with the data set is dropped
      And every plan of the data set is in the file exactly once
      And every person of the data set stands with name, birth date and local id
      And every plan date has twelve digits

    @FD-24 @CPIS-UPL-001
    Scenario: A file of many children holds each of them once
      Given 40 children on child protection plans, none sent before
      When the authority's next file reaches the service
      Then a valid file with all the children is dropped
      And each child's plan is in the file exactly once
      And the authority shows the file as stored

  Rule: Looked-after children are uploaded under sections 20, 31 and 38 only

    @FD-02 @CPIS-DAT-002
    Scenario Outline: A child looked after under section <section> is uploaded
      Given a looked-after child under section <section>
      When the authority exports its next file
      Then the child's plan is in the file exactly once

      Examples:
        | section |
        | 20      |
        | 31      |
        | 38      |

    @FD-03 @CPIS-DAT-002
    Scenario: A child looked after under another section is not uploaded
      Given a looked-after child under section 17
      And a marker looked-after child under section 20
      When the authority exports its next file
      Then the marker child's plan is in the file exactly once
      And the child is in no file

  Rule: An unborn child's plan stands under the mother

    @FD-04 @CPIS-DAT-005 @CPIS-DAT-008
    Scenario: An unborn child's plan is uploaded with the mother's details and the due date
      Given an unborn child with a plan
      When the authority exports its next file
      Then the mother's plan is in the file exactly once
      And the mother stands with her own name and birth date

    @FD-05 @CPIS-DAT-005 @CPIS-DAT-017
    Scenario: The mother of an unborn child may be an adult
      Given an unborn child with a plan, whose mother is 30
      When the authority's next file reaches the service
      Then the mother's plan is in the file exactly once
      And a lookup of the mother returns the plan

    @FD-07 @CPIS-DAT-006
    Scenario: A looked-after pregnant girl is both child and mother
      Given a looked-after girl whose unborn child has a plan
      When the authority's next file reaches the service
      Then both plans of the girl are in the file
      And a lookup of the girl returns both plans
