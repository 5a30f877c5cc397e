import { defineConfig, type ViteUserConfig } from 'vitest/config'

const common = { testTimeout: 60_000, hookTimeout: 60_000 }

const config: ViteUserConfig = defineConfig({
  test: {
    // Every core: tests wait for sockets and processes more than they compute.
    maxWorkers: '100%',
    projects: [
      {
        test: { ...common, name: 'main', include: ['tests/**/*.test.ts'], exclude: ['tests/{cli,package}/**'] },
      },
      {
        // These run the built command; after the rest, because each of them takes a core for itself.
        test: { ...common, name: 'cli', include: ['tests/cli/**/*.test.ts'], sequence: { groupOrder: 1 } },
      },
      {
        // These take times: last, and one after the other.
        test: {
          ...common,
          name: 'package',
          include: ['tests/package/**/*.test.ts'],
          sequence: { groupOrder: 2 },
          fileParallelism: false,
        },
      },
    ],
  },
})

export default config
