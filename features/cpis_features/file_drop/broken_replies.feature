Feature: A reply that cannot be trusted changes nothing and is shown

  Rule: A broken reply is shown as failed, and the whole one that follows is processed

    @RL-09 @CPIS-MSG-001
    Scenario: A cut acknowledgement changes nothing
      Given a child on a child protection plan
      And the authority's file is open
      When an acknowledgement of the file arrives, cut in the middle
      And the whole acknowledgement arrives
      Then the broken reply is shown as failed
      And the authority shows the file as stored

    @MF-03 @CPIS-MSG-001
    Scenario Outline: An acknowledgement <broken> is refused as a whole
      Given a child on a child protection plan
      And the authority's file is open
      When an acknowledgement of the file arrives, <broken>
      And the service delivers an access to a marker child afterwards
      Then the broken reply is shown as failed
      And the file is not shown as stored

      Examples:
        | broken              |
        | turned into UTF-16  |
        | cut in the middle   |
        | emptied             |

    @MF-04 @CPIS-MSG-002
    Scenario Outline: An acknowledgement <broken> is refused unread
      Given a child on a child protection plan
      And the authority's file is open
      When an acknowledgement of the file arrives, <broken>
      And the service delivers an access to a marker child afterwards
      Then the broken reply is shown as failed
      And the file is not shown as stored

      Examples:
        | broken                        |
        | with an internal entity       |
        | with an external entity       |
        | with an empty document type   |

    @SA-12 @CPIS-MSG-002
    Scenario Outline: An attack <broken> is refused and the next message is processed
      Given a child on a child protection plan
      And the authority's file is open
      When an acknowledgement of the file arrives, <broken>
      And the whole acknowledgement arrives
      Then the broken reply is shown as failed
      And the authority shows the file as stored

      Examples:
        | broken                        |
        | with entities that multiply   |
        | with an external entity       |
        | nested 100,000 deep           |

  Rule: Codes and counts that cannot be are not read as something else

    @MF-08 @CPIS-MSG-010
    Scenario Outline: An acknowledgement <broken> is not shown with another code's meaning
      Given a child on a child protection plan
      And the authority's file is open
      When an acknowledgement of the file arrives, <broken>
      And the service delivers an access to a marker child afterwards
      Then the file is not shown as stored
      And the child is not shown as stored

      Examples:
        | broken                             |
        | with a file code that no list has  |
        | with the text of another file code |

    @MF-10 @CPIS-MSG-012
    Scenario: An acknowledgement with a negative count is shown as failed
      Given a child on a child protection plan
      And the authority's file is open
      When an acknowledgement of the file arrives, with a negative count
      And the service delivers an access to a marker child afterwards
      Then the file is not shown as stored
      And the child is not shown as stored

    @MF-10 @CPIS-MSG-012 @CPIS-MSG-013
    Scenario: A plan that ends before it starts is not exported
      Given a child on a child protection plan
      And a social worker has tried to end the child's plan before its start
      And a marker child on a child protection plan
      When the authority exports its next file
      Then the marker child's file obeys the rules of this test
