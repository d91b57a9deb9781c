Feature: The storyboards, from the social worker to the emergency department and back

  @EE-01 @CPIS-ACK-001 @CPIS-ACK-004 @CPIS-NTF-001 @CPIS-NTF-010 @CPIS-QRY-001 @CPIS-QRY-003 @CPIS-RSP-001
  @CPIS-UPL-001 @CPIS-UPL-006
  Scenario: SB1 - a new plan is stored, looked up, and the access comes back
    Given a child on a child protection plan
    When the authority's next file reaches the service
    And an emergency department looks the child up
    Then a valid file with the child is dropped
    And the service has answered CPF02 with 1 stored
    And the authority shows the file as stored
    And the query asks for the number with a complete author
    And the answer holds the child's plan
    And the authority is sent one notification of the access
    And the access is on the child's file once, with who, where and when

  @EE-02 @CPIS-ACK-004 @CPIS-ACK-005 @CPIS-ACK-007 @CPIS-ACK-008 @CPIS-ACK-009
  Scenario: SB2 - one bad record of five is corrected and stored
    Given five children on child protection plans
    And the third child was keyed with a number that PDS does not know
    When the authority's next file reaches the service
    And the third child's number is corrected and the next file reaches the service
    Then the service has answered CPF03 with 4 stored and the wrong number failed with CPR01
    And the third child alone was on the work-list with CPR01
    And the other children are shown as stored
    And the third child's plan is in the new file under the new number exactly once
    And the work-list entry of the third child is gone and its upload is shown as stored

  @EE-03 @CPIS-DAT-005 @CPIS-DAT-008 @CPIS-DAT-021
  Scenario: SB3 - after the birth the plan moves to the baby
    Given an unborn child with a plan
    And the service has stored the authority's file
    And the baby is born and on a child protection plan under its own number
    When the authority's next file reaches the service
    And a maternity unit looks the mother up
    Then the mother's plan is in the file, ended or deleted
    And the mother stands with her own name and birth date
    And the baby's plan is in the file exactly once
    And the baby stands with its own name, birth date and local id
    And a lookup of the baby returns the plan

  @EE-04 @CPIS-DAT-010
  Scenario: SB4 and SB5 - an ended plan stays visible, a wrong one vanishes
    Given a looked-after child under section 20
    And a second child on a child protection plan
    And the service has stored the authority's file
    And a social worker has ended the child's plan
    And a social worker has marked the second child's plan as entered in error
    When the authority's next file reaches the service
    Then the child's plan is in the file exactly once
    And the second child's plan is in the file exactly once
    And a lookup of the child returns the plan
    And a lookup of the second child finds no record

  @EE-05 @CPIS-INA-001 @CPIS-INA-002 @CPIS-INA-003 @CPIS-INA-004 @CPIS-INA-005 @CPIS-INA-006
  Scenario: SB6 - one number is replaced, another retired
    Given a child on a child protection plan
    And a second child on a child protection plan
    And the service has stored the authority's file
    When PDS replaces the child's number, retires the second child's and the service tells the authority
    And the authority's next file reaches the service
    Then the service has told the authority of both numbers
    And an alert about the inactive number stands with somebody
    And the child's plan is in the new file under the new number exactly once
    And the old numbers are in no new file
    And an exception about the second child's number is open

  @EE-06 @CPIS-DAT-022 @CPIS-NTF-005 @CPIS-NTF-010
  Scenario: SB7 - two authorities are both told
    Given a child who is looked after by one authority and on a child protection plan of another
    When an emergency department looks the child up
    Then the answer holds both plans
    And both plans are shown with their authorities and telephones
    And each authority is sent one notification of the access
    And the access is on the child's file once, with who, where and when
