Feature: Numbers that PDS uses no more, as a service tells of them

  Background:
    Given a child on PDS
    And the authority has shared a child protection plan of the child
    And the second authority has shared a looked-after plan of the child

  @SV-16 @CPIS-INA-001 @CPIS-INA-002
  Scenario: Each authority that uses a merged number is told, with the new one
    When PDS merges the child's number
    Then the authority is told that the number is used no more, and of the new one
    And the second authority is told that the number is used no more, and of the new one

  @SV-16 @CPIS-INA-001 @CPIS-INA-002
  Scenario: Of a number without a successor no new one is told
    When PDS retires the child's number
    Then the authority is told that the number is used no more
    And the second authority is told that the number is used no more

  @SV-47 @CPIS-INA-001
  Scenario: An authority that never used a number is not told of it
    Given a second child on PDS
    And the authority has shared a child protection plan of the second child
    And PDS has retired the second child's number
    When PDS retires the child's number
    Then the second authority is told that the number is used no more

  @SV-17 @CPIS-INA-007
  Scenario: After an adoption nothing leads from the old identity to the new one
    When the child is adopted
    Then the authority is told that the number is used no more
    And nothing that was sent to the authority names the adopted child
    And the service shows nothing of the adopted child
