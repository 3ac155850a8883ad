/** The values that attributes and texts of libvirt's documents hold. `undefined` for what is absent or is not such a value. */

/** A whole number from 0 up, decimal. */
export function natural(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/** libvirt's virYesNo. */
export function yesNo(text: string | undefined): boolean | undefined {
  return text === "yes" ? true : text === "no" ? false : undefined;
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The same record without the properties that are `undefined`. */
export function defined<T extends object>(record: T): Defined<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Defined<T>;
}
