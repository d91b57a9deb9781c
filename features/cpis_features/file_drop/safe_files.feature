Feature: What the authority sends is sound before it leaves

  Rule: Numbers that are missing or wrong stay at home

    @FD-19 @CPIS-UPL-007
    Scenario: A child without an NHS number is held back
      Given a child on a child protection plan without an NHS number
      And a marker child on a child protection plan
      When the authority exports its next file
      Then the marker child's plan is in the file exactly once
      And the child is in no file
      And the child is on the list of those held back

    @FD-20 @CPIS-DAT-029 @CPIS-UPL-018
    Scenario: A number with a wrong check digit is stopped locally
      Given a child on a child protection plan, keyed with a wrong check digit
      And a marker child on a child protection plan
      When the authority exports its next file
      Then the child is in no file
      And a validation alert names the child

  Rule: The header is complete

    @FD-13 @CPIS-DAT-015
    Scenario: An emergency duty number keyed with spaces is sent as digits
      Given a child on a child protection plan
      And the authority's emergency duty number was keyed with spaces
      When the authority exports its next file
      Then the file's header holds the emergency duty number once

    @FD-14 @CPIS-DAT-014 @CPIS-UPL-018
    Scenario: Without an emergency duty number nothing is sent
      Given a child on a child protection plan
      And the authority has no emergency duty number
      When the authority exports its next file
      And the authority exports again once the number is there
      Then no file is dropped before the number is there
      And a validation alert names the emergency duty number

    @FD-17 @CPIS-UPL-004
    Scenario: The declared quantity is the number of records
      Given three children on child protection plans
      When the authority exports its next file
      Then the declared quantity is the number of records in the file

    @FD-15 @CPIS-OPS-003 @CPIS-UPL-003
    Scenario: Sequence ids rise, also after a failed file
      Given a child on a child protection plan
      And the service has stored the authority's file
      And a second child on a child protection plan
      And the service has answered the authority's next file with CPF01
      And a third child on a child protection plan
      When the authority exports its next file
      Then the sequence ids of the three files rise

    @FD-18 @CPIS-UPL-001 @CPIS-UPL-009
    Scenario: Without changes no empty file is sent
      Given a child on a child protection plan
      And the service has stored the authority's file
      When the authority exports its next file
      And the authority exports a marker child afterwards
      Then no file without records is dropped

  Rule: Dates and times say what they mean

    @FD-21 @CPIS-DAT-011
    Scenario: Plan dates have twelve digits
      Given the assessor's data set of all plan types, with ends, a withdrawal and local ids
      When the authority exports its next file
      Then every plan date has twelve digits

    @FD-22 @CPIS-DAT-012
    Scenario: The creation time is the true instant, with its offset
      Given a child on a child protection plan
      When the authority exports its next file
      Then the file's creation time is the true instant

  Rule: CP-IS carries status only

    @FD-29 @CPIS-DAT-003
    Scenario: Notes and reasons stay at home
      Given a child on a child protection plan, with notes that hold marker words
      When the authority exports its next file
      Then the child's plan is in the file exactly once
      And none of the marker words is in the file

    @SA-13 @CPIS-IG-011
    Scenario: Consent recorded as refused does not keep a child out
      Given a child on a child protection plan, with a note that consent was refused
      When the authority exports its next file
      Then the child's plan is in the file exactly once
