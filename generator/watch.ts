import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** Editors save in several steps; one rebuild follows the last of them. */
const SETTLE_MS = 60

/**
 * Runs `rebuild` once, and again after every change of `file`, one run at a time, until `signal` aborts.
 * The folder is watched, since many editors replace a file instead of writing into it.
 */
export async function watchSpec(
  file: string,
  signal: AbortSignal | undefined,
  rebuild: () => Promise<void>,
): Promise<void> {
  let dirty = true
  let wake = (): void => {}
  let timer: NodeJS.Timeout | undefined
  const watcher = watch(dirname(file), (_, name) => {
    if (name !== null && name !== basename(file)) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      dirty = true
      wake()
    }, SETTLE_MS)
  })
  const onAbort = (): void => wake()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    while (signal?.aborted !== true) {
      if (!dirty) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
        continue
      }
      dirty = false
      await rebuild()
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    clearTimeout(timer)
    watcher.close()
  }
}
