import type { Source } from '../load.js'
import { joinPointer } from '../pointer.js'
import { SpecError } from '../problem.js'

/** A value of the spec together with its place, so that every complaint can name line and column. */
export class SpecNode {
  readonly source: Source
  readonly value: unknown
  readonly pointer: string

  constructor(source: Source, value: unknown, pointer: string) {
    this.source = source
    this.value = value
    this.pointer = pointer
  }

  static root(source: Source): SpecNode {
    return new SpecNode(source, source.root, '#')
  }

  /** The child called `name`. @throws SpecError when it is missing. */
  get(name: string): SpecNode {
    return this.maybe(name) ?? this.fail('ir-missing', `${this.label()} needs \`${name}\``)
  }

  /** The child called `name`, if there is one. */
  maybe(name: string): SpecNode | undefined {
    const value = this.value
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    const child = (value as Record<string, unknown>)[name]
    return child === undefined ? undefined : new SpecNode(this.source, child, joinPointer(this.pointer, name))
  }

  /** The members of a mapping in declared order; empty when the node is not one. */
  entries(): [string, SpecNode][] {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) return []
    return Object.entries(this.value).map(([name, child]) => [
      name,
      new SpecNode(this.source, child, joinPointer(this.pointer, name)),
    ])
  }

  /** Shorthand for the entries of the child mapping `name`; empty when it is absent. */
  children(name: string): [string, SpecNode][] {
    return this.maybe(name)?.entries() ?? []
  }

  /** The items of the child list `name`; empty when it is absent. */
  items(name: string): SpecNode[] {
    const child = this.maybe(name)
    if (child === undefined || !Array.isArray(child.value)) return []
    return child.value.map((item, index) => new SpecNode(this.source, item, joinPointer(child.pointer, index)))
  }

  /** The child `name` as a string. @throws SpecError when it is missing or something else. */
  string(name: string): string {
    const child = this.get(name)
    return typeof child.value === 'string' ? child.value : child.fail('ir-type', `\`${name}\` must be a string`)
  }

  /** The child `name` as a finite number. @throws SpecError */
  number(name: string): number {
    const child = this.get(name)
    const good = typeof child.value === 'number' && Number.isFinite(child.value)
    return good ? (child.value as number) : child.fail('ir-type', `\`${name}\` must be a number`)
  }

  /** The child `name` as trimmed text, or undefined when it is absent or blank. */
  text(name: string): string | undefined {
    const value = this.maybe(name)?.value
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
  }

  /** True when the child `name` is literally `true`. */
  flag(name: string): boolean {
    return this.maybe(name)?.value === true
  }

  /** `{ [name]: value }`, or nothing for undefined: keeps optional properties absent. */
  optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
    return value === undefined ? {} : ({ [name]: value } as { [P in K]?: V })
  }

  /** The node itself, or what its `$ref` points at. @throws SpecError when the reference dangles. */
  follow(): SpecNode {
    const ref = this.maybe('$ref')
    if (ref === undefined) return this
    if (typeof ref.value !== 'string') return ref.fail('ir-ref', '`$ref` must be a string')
    const target = this.source.resolve(ref.value)
    if (target === undefined) return ref.fail('ir-ref', `\`${ref.value}\` points at nothing in this document`)
    return new SpecNode(this.source, target.value, target.pointer)
  }

  /** The name at the end of a `$ref` that must lead below `prefix`. @throws SpecError */
  refName(prefix: string): string {
    const target = this.follow()
    if (target.pointer.startsWith(`${prefix}/`) && !target.pointer.slice(prefix.length + 1).includes('/')) {
      return target.pointer.slice(prefix.length + 1)
    }
    return this.fail('ir-ref', `must be a \`$ref\` below \`${prefix}\``)
  }

  /** Stops with one problem at this node. */
  fail(code: string, message: string, hint?: string): never {
    throw new SpecError([this.source.problem(this.pointer, code, message, hint === undefined ? {} : { hint })])
  }

  private label(): string {
    return this.pointer === '#' ? 'the spec' : `\`${this.pointer}\``
  }
}
