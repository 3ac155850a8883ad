/** Rules that no story can raise by what the product gathers, each with the reason. */
export const untold: Readonly<Record<string, string>> = {};
