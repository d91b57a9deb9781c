Feature: A query says who asks, about whom, when and why

  Background:
    Given a child on a child protection plan
    And the service has stored the authority's file

  @LK-12 @CPIS-DAT-004 @CPIS-DAT-012 @CPIS-QRY-001 @CPIS-QRY-003 @CPIS-QRY-004 @CPIS-QRY-007
  Scenario: A person who asks is named with role, user id and organisation
    When an emergency department looks the child up
    Then the query asks for the number with a complete author
    And the NHS number is its only key
    And the query obeys the rules of this test

  @LK-13 @CPIS-DAT-012 @CPIS-QRY-003 @CPIS-QRY-005 @CPIS-QRY-007
  Scenario: A system that asks is named with the person responsible for it
    When an ambulance looks the child up
    Then the query asks for the number with a complete author
    And the query obeys the rules of this test
