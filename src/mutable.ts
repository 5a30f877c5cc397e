/** `T` while it is being put together field by field: spreads that depend on what is there cost a message dearly. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] }
