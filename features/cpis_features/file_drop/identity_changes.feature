Feature: A person's identity changes while a plan runs

  @FD-28 @CPIS-DAT-031
  Scenario: Somebody who has turned 18 is sent no more
    Given a child on a child protection plan
    And the service has stored the authority's file
    And the child has turned 18
    And the service has answered the authority's next file with CPF04
    And a marker child on a child protection plan
    When the authority exports its next file
    Then the adult is in no new file

  @IN-04 @CPIS-INA-007
  Scenario: An adopted child's identities are not linked
    Given a child on a child protection plan
    And the service has stored the authority's file
    And the child's new identity is on a child protection plan too
    When PDS retires the child's number and the service tells the authority
    Then neither file shows or links the other's number or name

  @IN-08 @CPIS-INA-009 @CPIS-UPL-019
  Scenario: A birth date that PDS follows late is sent again by hand
    Given a child on a child protection plan
    And a second child on a child protection plan
    And the service has stored the authority's file
    And the child's birth date was corrected
    And the second child's birth date was corrected before PDS has followed
    When the authority's next file reaches the service
    And PDS follows and the second child, forced, reaches the service
    Then the child is shown as stored by the first file
    And the second child was on the work-list with CPR03
    And the second child's plan is in the new file exactly once
    And the work-list entry of the second child is gone and its upload is shown as stored
