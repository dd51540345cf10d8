/* SPDX-License-Identifier: Apache-2.0
 * A small font for labels on images: ASCII in 5 × 7 dots, some of which stand two lower. */
#ifndef SMALTI_SRC_FONT_H
#define SMALTI_SRC_FONT_H

#include <stdint.h>

enum { SMALTI__FONT_WIDTH = 5, SMALTI__FONT_HEIGHT = 9, SMALTI__FONT_ADVANCE = 6 };

/* The dots of a row of a character's image, the left one in bit 4; other bytes than ASCII's printable ones look like '?'. */
uint8_t smalti__font_row(char character, uint32_t row);

#endif
