Feature: A product that serves several authorities keeps them apart

  Played where the configuration has a second `[[authority]]` of the product. Nothing of one authority reaches another:
  not its children, not the answers to its files, not the accesses to its children.

  Rule: Users of an authority see what is about its own children only

    @SA-10 @CPIS-IG-010 @needs-second-authority
    Scenario: Each authority's file holds its own children and nobody else's
      Given a child on a child protection plan
      And a child of the second authority on a child protection plan
      When the next file of each authority reaches the service
      Then each child's plan is in a file of its own authority exactly once, and in none of the other
      And each acknowledgement is with the authority whose file it answers

    @SA-10 @CPIS-IG-010 @needs-second-authority
    Scenario: An answer to one authority changes nothing of another's file with the same id
      Given a child on a child protection plan
      And the authority's file is open
      When the service answers the second authority with the id of the authority's file
      Then the file is not shown as stored
      And the child is not shown as stored

    @SA-10 @CPIS-IG-010 @needs-second-authority
    Scenario: An access is told to the authority that shares the plan and to no other that knows the child
      Given a child on a child protection plan
      And the second authority knows the child too, and shares no plan
      And the service has stored the authority's file
      When an emergency department looks the child up
      And the service delivers an access to a marker child of the second authority afterwards
      Then the access is on the child's file once, with who, where and when
      And the access is told to the authority, and not to the second one
      And no event is on the child's file with the second authority
      And nobody of the second authority is alerted
