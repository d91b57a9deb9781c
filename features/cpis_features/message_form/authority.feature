Feature: Every file that the authority sends has the form of its message

  Background:
    Given the assessor's data set of all plan types, with ends, a withdrawal and local ids

  @MF-01 @CPIS-MSG-003 @CPIS-MSG-005
  Scenario: The file is valid against the structure of its message
    When the authority exports its next file
    Then the file obeys the rules of this test

  @MF-02 @CPIS-MSG-004
  Scenario: No value that the model fixes is sent
    When the authority exports its next file
    Then the file obeys the rules of this test

  @MF-05 @CPIS-MSG-006
  Scenario: Each contentId names the block that follows
    When the authority exports its next file
    Then the file obeys the rules of this test

  @MF-06 @CPIS-MSG-007 @CPIS-MSG-008
  Scenario: Identifiers have their form, root and order
    When the authority exports its next file
    Then the file obeys the rules of this test

  @MF-07 @CPIS-MSG-009
  Scenario: Accented, long, hyphenated and double names are sent letter for letter
    Given a child called Zoë Siân O'Trial-Testcase on a child protection plan
    When the authority exports its next file
    Then the child stands with its own name, birth date and local id
    And the file obeys the rules of this test

  @MF-11 @CPIS-DAT-005 @CPIS-MSG-014
  Scenario: An unborn child's plan has the mother as its subject
    When the authority exports its next file
    Then the data set's mother stands with her own name and birth date
    And the file obeys the rules of this test
