import { placementDeclarationRules, type OtherPlacement } from "../../provider/rules/index.js";
import { examplesOf } from "./examples.js";

const rule = examplesOf(placementDeclarationRules);

const declared = (...others: readonly OtherPlacement[]) => ({ vm: "db", name: "a", others });

rule("placement-once-per-vm", {
  breaks: [
    [
      declared({ name: "b" }),
      {
        property: "vm",
        message: 'Resources "a" and "b" both place VM "db".',
        remedy: "Remove one of the two placements.",
      },
    ],
    [
      declared({ name: "b", stack: { name: "prod", project: "infra" } }),
      {
        property: "vm",
        message: 'VM "db" already has a placement: resource "b" of stack "prod" (project "infra").',
        remedy:
          "Remove one of the two placements. If that stack no longer has it, or was renamed, run vnic-failover release db.",
      },
    ],
    [
      declared({ name: "b" }, { name: "c" }),
      { message: 'Resources "a" and "b" both place VM "db".', property: "vm" },
      { message: 'Resources "a" and "c" both place VM "db".', property: "vm" },
    ],
  ],
  keeps: [declared()],
});
