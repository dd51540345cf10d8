/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the orientation in EXIF. What is found can be reset, and nothing else changes. */
#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t offset;
    uint8_t *tiff = malloc(size ? size : 1); /* exactly as large as the input */
    if (!tiff)
        return 0;
    if (size)
        memcpy(tiff, data, size);
    uint32_t orientation = smalti__exif_orientation(tiff, size, &offset);
    smalti__exif_orientation_reset(tiff, size);
    if (orientation < 1 || orientation > 8 || (offset && offset > size - 2) || (!offset && orientation != 1))
        abort();
    if (smalti__exif_orientation(tiff, size, NULL) != 1)
        abort();
    for (size_t i = 0; i < size; i++)
        if (tiff[i] != data[i] && i != offset && i != offset + 1)
            abort();
    free(tiff);
    return 0;
}
