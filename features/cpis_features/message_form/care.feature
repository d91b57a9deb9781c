Feature: What a care system sends has its form, and what it cannot read it does not guess at

  Background:
    Given a child on a child protection plan
    And the service has stored the authority's file

  Rule: Every query has the form of its message

    @MF-01 @CPIS-MSG-003 @CPIS-MSG-005
    Scenario: The query is valid against the structure of its message
      When an emergency department looks the child up
      Then the query obeys the rules of this test

    @MF-02 @CPIS-MSG-004
    Scenario: No value that the model fixes is sent in a query
      When an emergency department looks the child up
      Then the query obeys the rules of this test

    @MF-05 @CPIS-MSG-006
    Scenario: The contentId of a query names the block that follows
      When an emergency department looks the child up
      Then the query obeys the rules of this test

    @MF-06 @CPIS-MSG-007 @CPIS-MSG-008
    Scenario: Identifiers of a query have their form, root and order
      When an emergency department looks the child up
      Then the query obeys the rules of this test

    @MF-09 @CPIS-MSG-011
    Scenario: The wrapper of a query names its interaction, with codes and one system
      When an emergency department looks the child up
      Then the query obeys the rules of this test

  Rule: A reply that cannot be read leaves the status unknown

    @MF-03 @CPIS-MSG-001
    Scenario Outline: A reply <broken> is shown as status unknown
      Given the reply to the next lookup is <broken>
      When an emergency department looks the child up
      Then the status is shown as unknown

      Examples:
        | broken             |
        | turned into UTF-16 |
        | cut in the middle  |
        | emptied            |

    @MF-04 @CPIS-MSG-002
    Scenario Outline: A reply <attacking> is refused unread
      Given the reply to the next lookup is <attacking>
      When an emergency department looks the child up
      Then the status is shown as unknown

      Examples:
        | attacking                   |
        | with an internal entity     |
        | with an external entity     |
        | with an empty document type |

    @MF-10 @CPIS-MSG-012
    Scenario: A reply with a negative total is shown as status unknown
      Given the reply to the next lookup is with a negative total
      When an emergency department looks the child up
      Then the status is shown as unknown

    @MF-05 @CPIS-MSG-006
    Scenario: A reply with a contentId that names another block is shown as status unknown
      Given the reply to the next lookup is with a contentId that names another block
      When an emergency department looks the child up
      Then the status is shown as unknown

    @SA-12 @CPIS-MSG-002
    Scenario Outline: A lookup after a reply <attacking> is answered and shown
      Given the reply to the next lookup is <attacking>
      When an emergency department looks the child up
      Then the status is shown as unknown
      And the next lookup of the child shows the plan again

      Examples:
        | attacking                   |
        | with entities that multiply |
        | with an external entity     |
        | nested 100,000 deep         |

  Rule: Another way of writing is the same message

    @MF-12 @CPIS-MSG-003
    Scenario: A reply with other prefixes, comments and white space is shown like any other
      Given the reply to the next lookup is written with other prefixes, comments and white space
      When an emergency department looks the child up
      Then the plan is shown with its authority and both telephones

  Rule: A code that nobody knows means nothing

    @MF-08 @CPIS-MSG-010
    Scenario Outline: A reply <coded> is not taken for an answer
      Given a person on PDS without any plan
      And the reply to the next lookup is <coded>
      When an emergency department looks the person up
      Then neither a plan nor the absence of one is read into the reply

      Examples:
        | coded                                       |
        | of no record, with a code that no list has  |
        | of no record, with the text of another code |
