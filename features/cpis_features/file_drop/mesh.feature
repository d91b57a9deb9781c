Feature: Files that cross by MESH

  Played where `file_drop.profile` is `mesh-folder` or `mesh-rest`. MESH may fail to deliver a file and say so in a report; whoever
  passes a file on reads what stands on its outside.

  Rule: A failed delivery is shown, with its code and its file

    @RL-07 @CPIS-OPS-004
    Scenario: Four failed deliveries are shown, each with its code
      Given four files of the authority are open, with a new child each
      When MESH reports them as not delivered, one each with 12, 14, 16 and 17
      Then each of the four is shown as not delivered, with its code

    @RL-07 @CPIS-OPS-004
    Scenario: A failed delivery that is reported twice is shown
      Given a child on a child protection plan
      And the authority's file is open
      When MESH reports the file as not collected, twice
      Then the file is shown as not delivered, with code 14

    @AK-18 @CPIS-UPL-016 @CPIS-OPS-004
    Scenario: A file that MESH rejects is shown with code 15
      Given a child on a child protection plan
      And the authority's file is open
      When MESH rejects the file with 15
      Then the file is shown as not delivered, with code 15

  Rule: Nothing on the outside of a file names anybody

    @SA-08 @CPIS-IG-008
    Scenario: The routing data of a file do not name its children
      Given a child on a child protection plan
      When the authority exports its next file
      Then nothing on the outside of the file names the child

  Rule: A pair in a folder is whole when its control file is there

    @RL-10 @CPIS-UPL-006 @needs-mesh-folder
    Scenario: A large file is whole at every look at the folder
      Given three hundred children on child protection plans
      When the authority exports its next file, watched every 10 ms
      Then no file under its final name was incomplete at any poll
