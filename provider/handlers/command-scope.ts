/** What belongs to one `pulumi` command: what its program declares, what its hosts have said, what its user was told. */
import type { HandlerContext } from "./handler.js";

/**
 * Something of which each command has its own, made when it is first asked for, and gone with the command. Where a call tells no
 * command, it gets one that no other call sees.
 */
export class PerCommand<T> {
  private readonly ofCommands = new WeakMap<object, T>();

  constructor(private readonly make: () => T) {}

  of({ command }: Pick<HandlerContext, "command">): T {
    const known = command && this.ofCommands.get(command);
    if (known !== undefined) return known;
    const made = this.make();
    if (command !== undefined) this.ofCommands.set(command, made);
    return made;
  }
}
