/** A feature that a testee may declare. */
export interface Feature {
  readonly about: string
  /** Operations that go with it: a testee that declares the feature and lacks one of them fails its cases. */
  readonly ops: readonly string[]
}

/** Every feature that cases require. */
export const FEATURES: Readonly<Record<string, Feature>> = {
  crypto: { about: 'AES-256-GCM', ops: ['codec.open', 'codec.decode'] },
  compact: { about: 'writes raw gzip inside the encryption', ops: ['codec.encode'] },
  'utf16-strings': { about: 'strings can hold half a surrogate pair', ops: [] },
  'fake-clock': { about: 'cases may let time pass', ops: [] },
  mention: { about: 'strips a leading mention of a name', ops: ['frame.stripMention'] },
  inbox: { about: 'knows inboxes, slug~nonce', ops: ['slug.inboxOwner'] },
  'bridge.server': { about: 'serves the bridge: command serve', ops: [] },
  'bridge.client': { about: 'joins a bridge: command connect', ops: [] },
  webex: { about: 'speaks to Webex', ops: [] },
  slack: { about: 'speaks to Slack', ops: [] },
  discord: { about: 'speaks to Discord', ops: [] },
  irc: { about: 'speaks to IRC', ops: [] },
}

/** Roles of bridge cases: operations that are not run but served or connected. */
export const ROLES: readonly string[] = ['bridge.server', 'bridge.client']

/** The one of `features` that promises an operation. */
export function promising(features: readonly string[], op: string): string | undefined {
  return features.find(name => Object.hasOwn(FEATURES, name) && FEATURES[name]?.ops.includes(op))
}
