Feature: The storyboards, as the clinician sees them

  @EE-03 @CPIS-UI-006
  Scenario: SB3 - the plan of an unborn child is found under the mother, and after the birth under the baby
    Given an unborn child with a plan
    And the service has stored the authority's file
    And the baby is born and on a child protection plan under its own number
    When the authority's next file reaches the service
    And a maternity unit looks the mother up
    Then the alert on the mother says that it concerns her unborn child
    And a lookup of the baby returns the plan

  @EE-04 @CPIS-RSP-009
  Scenario: SB4 - a plan that has ended is shown as past
    Given a looked-after child under section 20
    And the service has stored the authority's file
    And a social worker has ended the child's plan
    When the authority's next file reaches the service
    And an emergency department looks the child up
    Then the child's plan is shown as past, with its end date

  @EE-07 @CPIS-QRY-006 @CPIS-QRY-008
  Scenario: SB8 and SB9 - a school nurse reads silently, NHS 111 notifies and says where the patient is
    Given a child on a child protection plan
    And the service has stored the authority's file
    When school nursing looks the child up
    And NHS 111 looks the child up
    Then the queries were silent and then not silent
    And the query of the NHS 111 names place and safeguarding lead as configured

  @EE-08 @CPIS-QRY-013
  Scenario Outline: SB10 - while Spine answers with <trouble> the status is unknown
    Given a child on a child protection plan
    And the service has stored the authority's file
    And the next lookup meets <trouble>
    When an emergency department looks the child up
    Then the status is shown as unknown

    Examples:
      | trouble       |
      | fault 300     |
      | message error |
      | status 413    |
