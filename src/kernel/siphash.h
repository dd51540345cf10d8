/* SPDX-License-Identifier: Apache-2.0
 * SipHash-2-4 with 128 bits of output: a keyed hash, fast on short and long inputs. */
#ifndef SMALTI_SRC_SIPHASH_H
#define SMALTI_SRC_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

void smalti__siphash128(const uint8_t key[16], const void *data, size_t size, uint8_t out[16]);

#endif
