/* SPDX-License-Identifier: Apache-2.0
 * The one thing of EXIF that changes pixels: the orientation (TIFF 6.0, section 2; EXIF 2.32, tag 274 of IFD 0). */
#include "decode/decode.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, HEADER_BYTES = 8, ENTRY_BYTES = 12 };

typedef struct tiff {
    const uint8_t *data;
    bool big_endian;
} tiff;

static uint32_t get16(const tiff *in, size_t offset)
{
    const uint8_t *p = in->data + offset;
    return in->big_endian ? smalti__be16(p) : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t get32(const tiff *in, size_t offset)
{
    return in->big_endian ? get16(in, offset) << 16 | get16(in, offset + 2)
                          : get16(in, offset + 2) << 16 | get16(in, offset);
}

/* The offset of the value's two bytes, 0 when there is no well-formed one. */
static size_t find_orientation(tiff *in, size_t size)
{
    if (size < HEADER_BYTES + 2 || in->data[0] != in->data[1] || (in->data[0] != 'I' && in->data[0] != 'M'))
        return 0;
    in->big_endian = in->data[0] == 'M';
    size_t directory = get32(in, 4);
    if (get16(in, 2) != 42 || directory < HEADER_BYTES || directory > size - 2)
        return 0;
    /* a directory that is cut off is searched as far as it goes */
    size_t count = get16(in, directory), most = (size - 2 - directory) / ENTRY_BYTES;
    for (size_t i = 0; i < count && i < most; i++) {
        size_t entry = directory + 2 + i * ENTRY_BYTES;
        if (get16(in, entry) != TAG_ORIENTATION)
            continue;
        bool well_formed = get16(in, entry + 2) == TYPE_SHORT && get32(in, entry + 4) == 1;
        uint32_t value = get16(in, entry + 8); /* a SHORT stands at the left of its four bytes in both byte orders */
        return well_formed && value >= 1 && value <= 8 ? entry + 8 : 0;
    }
    return 0;
}

uint32_t smalti__exif_orientation(const uint8_t *data, size_t size, size_t *value_offset)
{
    tiff in = {.data = data};
    size_t offset = find_orientation(&in, size);
    if (value_offset)
        *value_offset = offset;
    return offset ? get16(&in, offset) : 1;
}

void smalti__exif_orientation_reset(uint8_t *data, size_t size)
{
    tiff in = {.data = data};
    size_t offset = find_orientation(&in, size);
    if (!offset)
        return;
    data[offset] = in.big_endian ? 0 : 1;
    data[offset + 1] = in.big_endian ? 1 : 0;
}
