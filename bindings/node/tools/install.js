// SPDX-License-Identifier: Apache-2.0
// npm's install script. In the repository it builds the addon with the project's own build; in a package it looks whether the
// addon that came with it can be loaded here. Nothing is fetched either way.
'use strict'

const { existsSync } = require('node:fs')
const { spawnSync } = require('node:child_process')
const path = require('node:path')

const here = path.join(__dirname, '..')

if (existsSync(path.join(__dirname, 'build')) && existsSync(path.join(here, '..', '..', 'meson.build'))) {
  const { status } = spawnSync(path.join(__dirname, 'build'), process.env.SMALTI_BUILD ? [process.env.SMALTI_BUILD] : [], {
    stdio: 'inherit'
  })
  process.exit(status ?? 1)
}

try {
  require('../lib/native.js')
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
