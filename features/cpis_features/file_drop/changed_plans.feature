Feature: A change of a plan, a person or the authority reaches CP-IS in the next file

  Rule: Ended means over, deleted means wrong

    @FD-08 @CPIS-DAT-010 @CPIS-UPL-008
    Scenario: A plan that has ended is sent with its end date
      Given a child on a child protection plan
      And the service has stored the authority's file
      And a social worker has ended the child's plan
      When the authority's next file reaches the service
      Then the child's plan is in the file exactly once
      And a lookup of the child returns the plan

    @FD-09 @CPIS-DAT-009 @CPIS-DAT-010
    Scenario: A plan entered in error is sent with a delete date
      Given a child on a child protection plan
      And the service has stored the authority's file
      And a social worker has marked the child's plan as entered in error
      When the authority's next file reaches the service
      Then the child's plan is in the file exactly once
      And a lookup of the child finds no record

    @FD-36 @CPIS-DAT-010 @CPIS-UPL-008 @CPIS-UPL-011
    Scenario: A plan that begins again is a new entry and leaves the old one ended
      Given a child whose child protection plan ended last month
      And the service has stored the authority's file
      And the child is on a child protection plan again from today
      When the authority's next file reaches the service
      Then the child's new plan is in the file exactly once
      And a lookup of the child returns both plans

    @FD-10 @CPIS-DAT-021
    Scenario: After the birth the plan moves from the mother to the baby
      Given an unborn child with a plan
      And the service has stored the authority's file
      And the baby is born and on a child protection plan under its own number
      When the authority exports its next file
      Then the mother's plan is in the file, ended or deleted
      And the baby's plan is in the file exactly once
      And the baby stands with its own name, birth date and local id

  Rule: Corrections are sent without being asked for

    @FD-11 @CPIS-UPL-008
    Scenario: A corrected name or birth date is in the next file
      Given a child on a child protection plan
      And a second child on a child protection plan
      And the service has stored the authority's file
      And the child's family name was corrected
      And the second child's birth date was corrected
      When the authority exports its next file
      Then the child stands with its own name, birth date and local id
      And the second child stands with its own name, birth date and local id
      And the child's plan is in the file exactly once
      And the second child's plan is in the file exactly once

    @FD-12 @CPIS-DAT-014 @CPIS-UPL-008
    Scenario: A new emergency duty number is in the next file
      Given a child on a child protection plan
      And the service has stored the authority's file
      And the authority's emergency duty number has changed
      When the authority exports its next file
      Then the file's header holds the emergency duty number once

    @FD-25 @CPIS-UPL-019
    Scenario: A child can be forced into the next file by hand
      Given a child on a child protection plan
      And the service has stored the authority's file
      And a data officer has forced the child into the next file
      When the authority exports its next file
      Then the child's plan is in the file exactly once
