import type { Source } from '../load.js'
import type { Problem } from '../problem.js'
import { LintContext } from './context.js'
import type { LintRule } from './rule.js'
import { bounds } from './rules/bounds.js'
import { configDuplicate } from './rules/config-duplicate.js'
import { configEnv } from './rules/config-env.js'
import { correlation } from './rules/correlation.js'
import { defaultValue } from './rules/default-value.js'
import { discriminator } from './rules/discriminator.js'
import { discriminatorValue } from './rules/discriminator-value.js'
import { enumValue } from './rules/enum-value.js'
import { exampleCount } from './rules/example-count.js'
import { extensionKnown } from './rules/extension-known.js'
import { extensionRef } from './rules/extension-ref.js'
import { extensionValue } from './rules/extension-value.js'
import { flagsFields } from './rules/flags-fields.js'
import { frameTemplate } from './rules/frame-template.js'
import { messageExample } from './rules/message-example.js'
import { nameCollision } from './rules/name-collision.js'
import { pattern } from './rules/pattern.js'
import { perspective } from './rules/perspective.js'
import { platformKeys } from './rules/platform-keys.js'
import { recursion } from './rules/recursion.js'
import { requiredProperty } from './rules/required-property.js'
import { schemaExample } from './rules/schema-example.js'
import { schemaKeyword } from './rules/schema-keyword.js'
import { secretDefault } from './rules/secret-default.js'
import { unsupportedFeature } from './rules/unsupported-feature.js'
import { unusedComponent } from './rules/unused-component.js'

export type { Finding, LintRule } from './rule.js'

/** Every rule, by id. A new rule takes the next id; the id of a removed rule is never used again. */
export const LINT_RULES: readonly LintRule[] = [
  schemaKeyword,
  unsupportedFeature,
  pattern,
  bounds,
  defaultValue,
  schemaExample,
  messageExample,
  exampleCount,
  correlation,
  discriminator,
  discriminatorValue,
  unusedComponent,
  extensionKnown,
  extensionValue,
  extensionRef,
  recursion,
  nameCollision,
  perspective,
  platformKeys,
  frameTemplate,
  flagsFields,
  configEnv,
  configDuplicate,
  secretDefault,
  requiredProperty,
  enumValue,
]

/**
 * What the AsyncAPI parser does not notice: everything in the spec that the generator could not express, would have to
 * guess, or would turn into code that lies. In file order.
 * @throws MissingPeerError without ajv
 */
export function lintSpec(source: Source): Problem[] {
  const context = new LintContext(source)
  const problems = LINT_RULES.flatMap(rule =>
    [...rule.check(context)].map(({ pointer, message, hint }) => source.problem(pointer, rule.id, message, { hint })),
  )
  return problems.sort((a, b) => a.line - b.line || a.col - b.col || a.code.localeCompare(b.code))
}
