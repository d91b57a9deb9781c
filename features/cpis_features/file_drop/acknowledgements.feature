Feature: The authority acts on every acknowledgement as it says

  Rule: The result of a file is shown as it is

    @AK-01 @CPIS-ACK-001 @CPIS-ACK-002 @CPIS-ACK-004
    Scenario: A file that was stored is shown as stored
      Given a child on a child protection plan
      And a second child on a child protection plan
      When the authority's next file reaches the service
      Then the service has answered CPF02 with 2 stored
      And the authority shows the file as stored

    @AK-02 @CPIS-ACK-003 @CPIS-ACK-005 @CPIS-ACK-007 @CPIS-ACK-008 @CPIS-UPL-022
    Scenario: One bad record among five is on the work-list, the others are stored
      Given five children on child protection plans
      And PDS does not know the third child
      When the authority's next file reaches the service
      Then the service has answered CPF03 with 4 stored and the third child failed with CPR01
      And the third child alone is on the work-list with CPR01
      And the other children are shown as stored

    @AK-03 @CPIS-ACK-004
    Scenario: A file of which nothing was stored raises an alert
      Given a child on a child protection plan
      And a second child on a child protection plan
      And PDS does not know the child
      And PDS does not know the second child
      When the authority's next file reaches the service
      Then the service has answered CPF04 with none stored
      And the authority shows the file as failed
      And the child is on the work-list with CPR01
      And the second child is on the work-list with CPR01

    @AK-04 @CPIS-ACK-004 @CPIS-ACK-009
    Scenario: A file-level error marks the file as failed, and its records go again
      Given a child on a child protection plan
      And the authority's file is open
      When the service answers the file with CPF01
      And the authority's next file reaches the service
      Then the authority shows the first file as failed
      And an alert about the file stands with somebody
      And the child's plan is in the new file exactly once

    @AK-05 @CPIS-ACK-002
    Scenario: A file-level error without an id closes no file
      Given a child on a child protection plan
      And the authority's file is open
      When the service answers CPF01 with id -1
      Then the file is not shown as stored
      And the reply is on the exception list

    @AK-06 @CPIS-ACK-009 @CPIS-OPS-001
    Scenario: When PDS was unavailable the whole file is sent again
      Given three children on child protection plans
      And PDS is unavailable
      And the service has answered the authority's next file with CPF05
      And PDS is available again
      When the authority's next file reaches the service
      Then an alert about the first file stands with somebody
      And each child's plan is in the new file exactly once

    @AK-14 @CPIS-ACK-013
    Scenario: A reply that does not come is noticed
      Given a child on a child protection plan
      And the authority's file is open
      When three days go by in the authority's system
      Then an alert that the file is overdue stands with somebody

    @RL-08 @CPIS-OPS-006
    Scenario: A file that was sent before a restart is answered after it
      Given a child on a child protection plan
      And the authority's file is open
      And the authority's system was restarted
      When the whole acknowledgement arrives
      Then the authority shows the file as stored

    @AK-17 @CPIS-ACK-011
    Scenario: A failed file, a failed validation and a failed interface are three different alerts
      Given a child on a child protection plan
      And the authority's file is open
      And the authority has no emergency duty number
      When the service answers the file with CPF01
      And the authority exports its next file
      And an acknowledgement of the file arrives, cut in the middle
      Then an alert of its own kind stands with somebody about each of the three

    @AK-15 @CPIS-ACK-014 @CPIS-OPS-006
    Scenario: Replies out of order each close their own file
      Given a child on a child protection plan
      And the authority's file is open
      And a second child on a child protection plan
      And the authority's second file is open
      When the service answers the second file, then the first
      Then the first file is shown as partly failed and the second as stored

  Rule: Contradictions are shown, never closed as success

    @AK-16 @CPIS-ACK-003
    Scenario: Counts that do not add up are shown
      Given three children on child protection plans
      And the authority's file is open
      When the service answers CPF03 with two stored and two failed
      Then the file is not shown as stored
      And the contradiction is on the exception list

    @AK-20 @CPIS-ACK-015
    Scenario: An acknowledgement for another authority or another file changes nothing
      Given a child on a child protection plan
      And the authority's file is open
      When the service delivers an acknowledgement for another authority, then one for an id that was never sent
      Then the file is not shown as stored
      And the child is not shown as stored
      And both replies are on the exception list

    @AK-21 @CPIS-ACK-016
    Scenario: A failure located on one record that echoes another child stores neither
      Given three children on child protection plans
      And the authority's file is open
      When the service answers CPF03 with a failure located on the first record that echoes the second child
      Then neither the first nor the second child is shown as stored
      And the contradiction is on the exception list

    @AK-22 @CPIS-ACK-003 @CPIS-ACK-004
    Scenario: A full success that lists a failure is no success
      Given three children on child protection plans
      And the authority's file is open
      When the service answers CPF02 with three stored and lists the second child as failed with CPR01
      Then the second child is not shown as stored
      And the contradiction is on the exception list

  Rule: Each record result leads to its own action

    @AK-08 @CPIS-ACK-005 @CPIS-UPL-021
    Scenario: A number that PDS does not know is a task on that child
      Given a child on a child protection plan
      And PDS does not know the child
      When the authority's next file reaches the service
      Then the service has answered CPF04 with the child failed with CPR01
      And the child is on the work-list with CPR01

    @AK-09 @CPIS-ACK-005 @CPIS-UPL-020
    Scenario: A sensitive record is a task on that child
      Given a child on a child protection plan
      And PDS marks the child as sensitive
      When the authority's next file reaches the service
      Then the service has answered CPF04 with the child failed with CPR02
      And the child is on the work-list with CPR02

    @AK-10 @CPIS-ACK-005 @CPIS-ACK-009
    Scenario: A record that did not match is sent again once corrected
      Given a child on a child protection plan
      And PDS has another birth date for the child
      And the service has answered the authority's next file with CPF04
      And the child was on the work-list with CPR03
      And the child's birth date was corrected to that of PDS
      When the authority's next file reaches the service
      Then the child's plan is in the new file exactly once

    @AK-12 @CPIS-ACK-012
    Scenario: While the new number is missing the old one is not sent again
      Given a child on a child protection plan
      And PDS has superseded the child's number
      And the service has answered the authority's next file with CPF04
      And a marker child on a child protection plan
      When the authority exports its next file
      Then the child's new number is asked for
      And the old number is in no new file

    @AK-12 @CPIS-ACK-012
    Scenario: A superseded number is replaced, not sent again
      Given a child on a child protection plan
      And PDS has superseded the child's number
      And the service has answered the authority's next file with CPF04
      And a data officer has entered the child's new number
      And a marker child on a child protection plan
      When the authority exports its next file
      Then the child's plan is in the new file under the new number exactly once
      And the old number is in no new file

    @AK-13 @CPIS-ACK-006
    Scenario: An unknown detail code is shown unchanged
      Given a child on a child protection plan
      And the authority's file is open
      When the service answers CPR07 with the detail CPRD77 'Invented detail for this test'
      Then the child is on the work-list with CPR07 and that detail

    @AK-19 @CPIS-ACK-010 @CPIS-UI-010
    Scenario: A failed record stays on the work-list until it is stored
      Given a child on a child protection plan
      And PDS has another birth date for the child
      And the service has answered the authority's next file with CPF04
      And the child was on the work-list with CPR03
      And the child's birth date was corrected to that of PDS
      When the authority's next file reaches the service
      Then the work-list entry of the child is gone and its upload is shown as stored
