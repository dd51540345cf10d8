/* SPDX-License-Identifier: Apache-2.0
 * What a TIFF directory says of its page, and whether we can decode that. */
#ifndef SMALTI_SRC_DECODE_TIFF_PAGE_H
#define SMALTI_SRC_DECODE_TIFF_PAGE_H

#include "decode/tiff.h"

/* Fills in tiff->page from the current directory. UNSUPPORTED, or FORMAT when it contradicts itself. */
smalti_result smalti__tiff_page_read(smalti__tiff *tiff, smalti_error *error);
/* Fills in the decoder's info from it, but for frames and metadata. */
void smalti__tiff_page_info(smalti__tiff *tiff);

#endif
