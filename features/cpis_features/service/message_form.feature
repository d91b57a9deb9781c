Feature: Every message that a service sends has its form

  Background:
    Given a child on PDS
    And a second child on PDS
    And a third child on PDS
    And a mother of 25 on PDS
    And the authority has shared a child protection plan of the child
    And the authority has shared an unborn child's plan of the mother, due in 10 days
    And a doctor has asked about the child
    And a system has asked about the mother
    And another doctor has asked about the third child
    And PDS has retired the child's number

  @SV-23 @CPIS-MSG-003
  Scenario: What the service sends names its root and namespaces
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-003

  @SV-24 @CPIS-MSG-004
  Scenario: What the service sends sends no value that the model fixes
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-004

  @SV-25 @CPIS-MSG-005 @CPIS-DAT-003
  Scenario: What the service sends has its elements in order, and none that are not known
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-005

  @SV-26 @CPIS-MSG-006
  Scenario: What the service sends names the block that follows
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-006

  @SV-27 @CPIS-MSG-007
  Scenario: What the service sends has identifiers of their form
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-007

  @SV-28 @CPIS-MSG-008
  Scenario: What the service sends has the NHS number first and the local id second
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-008

  @SV-29 @CPIS-MSG-009
  Scenario: What the service sends has names of one given and one family element
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-009

  @SV-32 @CPIS-MSG-010
  Scenario: What the service sends has codes of their list
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-010

  @SV-33 @CPIS-MSG-012
  Scenario: What the service sends has whole counts
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-012

  @SV-34 @CPIS-MSG-013
  Scenario: What the service sends has plan dates that exist
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-013

  @SV-35 @CPIS-MSG-014
  Scenario: What the service sends has a mother for an unborn child's plan
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-014

  @SV-38 @CPIS-MSG-011
  Scenario: What the service sends in an answer names its interaction, with codes and one system
    When the authority shares plans of the second child and of the child with its own details
    Then what the service has sent obeys MSG-011
