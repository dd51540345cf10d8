/* SPDX-License-Identifier: Apache-2.0
 * Types of attributes: their names and sizes, and what stands in their values. */
#include "exr/exr.h"

/* What the numbers in a value are. */
enum element { NO_NUMBERS, I32, U32, F32, F64, U8, TILE };

typedef struct type_entry {
    const char *name;
    uint8_t name_size, type;
    uint8_t element;
    uint16_t bytes; /* 0: any size */
} type_entry;

#define ENTRY(name, type, element, bytes) {name, sizeof(name) - 1, SMALTI_EXR_TYPE_##type, element, bytes}

/* Ordered by the length of the name, so that few are compared. The order is also that of smalti_exr_type. */
static const type_entry entries[] = {
    ENTRY("int", INT, I32, 4),
    ENTRY("v2i", V2I, I32, 8),
    ENTRY("v2f", V2F, F32, 8),
    ENTRY("v2d", V2D, F64, 16),
    ENTRY("v3i", V3I, I32, 12),
    ENTRY("v3f", V3F, F32, 12),
    ENTRY("v3d", V3D, F64, 24),
    ENTRY("m33f", M33F, F32, 36),
    ENTRY("m33d", M33D, F64, 72),
    ENTRY("m44f", M44F, F32, 64),
    ENTRY("m44d", M44D, F64, 128),
    ENTRY("box2i", BOX2I, I32, 16),
    ENTRY("box2f", BOX2F, F32, 16),
    ENTRY("float", FLOAT, F32, 4),
    ENTRY("bytes", BYTES, NO_NUMBERS, 0),
    ENTRY("double", DOUBLE, F64, 8),
    ENTRY("envmap", ENVMAP, U8, 1),
    ENTRY("string", STRING, NO_NUMBERS, 0),
    ENTRY("chlist", CHLIST, NO_NUMBERS, 0),
    ENTRY("keycode", KEYCODE, I32, 28),
    ENTRY("preview", PREVIEW, NO_NUMBERS, 0),
    ENTRY("timecode", TIMECODE, U32, 8),
    ENTRY("rational", RATIONAL, I32, 8),
    ENTRY("tiledesc", TILEDESC, TILE, 9),
    ENTRY("lineOrder", LINE_ORDER, U8, 1),
    ENTRY("idmanifest", ID_MANIFEST, NO_NUMBERS, 0),
    ENTRY("floatvector", FLOAT_VECTOR, F32, 0),
    ENTRY("compression", COMPRESSION, U8, 1),
    ENTRY("stringvector", STRING_VECTOR, NO_NUMBERS, 0),
    ENTRY("chromaticities", CHROMATICITIES, F32, 32),
    ENTRY("deepImageState", DEEP_IMAGE_STATE, U8, 1),
};

/* First entry with a name of so many bytes; the next length's first is its end. */
static const uint8_t first_of_size[17] = {0, 0, 0, 0, 7, 11, 15, 19, 21, 24, 25, 26, 28, 29, 29, 31, 31};

smalti_exr_type smalti__exr_type_find(const char *name, size_t size, uint32_t *fixed_bytes)
{
    *fixed_bytes = 0;
    if (size > 14)
        return SMALTI_EXR_TYPE_UNKNOWN;
    for (size_t i = first_of_size[size]; i < first_of_size[size + 1]; i++)
        if (!memcmp(entries[i].name, name, size)) {
            *fixed_bytes = entries[i].bytes;
            return (smalti_exr_type)entries[i].type;
        }
    return SMALTI_EXR_TYPE_UNKNOWN;
}

static const type_entry *entry_of(smalti_exr_type type)
{
    return type >= 1 && type <= SMALTI__COUNT(entries) ? &entries[type - 1] : NULL;
}

const char *smalti_exr_type_name(smalti_exr_type type)
{
    const type_entry *entry = entry_of(type);
    return entry ? entry->name : "unknown";
}

/* Texts, each behind its size, that fill the value. */
static bool strings_fit(const uint8_t *value, uint32_t size)
{
    for (uint32_t at = 0; at < size;) {
        if (size - at < 4)
            return false;
        uint32_t bytes = smalti__le32(value + at);
        if (bytes > size - at - 4)
            return false;
        at += 4 + bytes;
    }
    return true;
}

bool smalti__exr_value_fits(smalti_exr_type type, const uint8_t *value, uint32_t size)
{
    switch (type) {
    case SMALTI_EXR_TYPE_FLOAT_VECTOR:
        return size % 4 == 0;
    case SMALTI_EXR_TYPE_STRING_VECTOR:
        return strings_fit(value, size);
    case SMALTI_EXR_TYPE_BYTES:
        return size >= 4 && smalti__le32(value) <= size - 4;
    default:
        return true;
    }
}

/* ---- Numbers and texts ---- */

static double number_at(const type_entry *entry, const uint8_t *value, size_t index)
{
    float single;
    double number;
    uint64_t word;
    switch (entry->element) {
    case I32:
        /* the denominator of a rational is unsigned */
        if (entry->type != SMALTI_EXR_TYPE_RATIONAL || index == 0)
            return (int32_t)smalti__le32(value + 4 * index);
        return smalti__le32(value + 4 * index);
    case U32:
        return smalti__le32(value + 4 * index);
    case F32:
        memcpy(&single, &(uint32_t){smalti__le32(value + 4 * index)}, 4);
        return single;
    case F64:
        word = smalti__le64(value + 8 * index);
        memcpy(&number, &word, 8);
        return number;
    case TILE:
        return index < 2 ? smalti__le32(value + 4 * index) : value[8];
    default:
        return value[index];
    }
}

size_t smalti_exr_attribute_numbers(const smalti_exr_attribute *attribute, double *numbers, size_t room)
{
    static const uint8_t element_bytes[] = {[I32] = 4, [U32] = 4, [F32] = 4, [F64] = 8, [U8] = 1};
    const type_entry *entry = entry_of(attribute->type);
    if (!entry || entry->element == NO_NUMBERS || !attribute->value)
        return 0;
    size_t count = entry->element == TILE ? 3 : attribute->size / element_bytes[entry->element];
    for (size_t i = 0; i < count && i < room; i++)
        numbers[i] = number_at(entry, attribute->value, i);
    return count;
}

bool smalti_exr_attribute_text(const smalti_exr_attribute *attribute, size_t index, smalti_exr_text *text)
{
    const uint8_t *value = attribute->value;
    if (!value)
        return false;
    if (attribute->type == SMALTI_EXR_TYPE_STRING) {
        *text = (smalti_exr_text){(const char *)value, attribute->size};
        return index == 0;
    }
    if (attribute->type != SMALTI_EXR_TYPE_STRING_VECTOR)
        return false;
    for (uint32_t at = 0; at < attribute->size; index--) {
        uint32_t bytes = smalti__le32(value + at);
        *text = (smalti_exr_text){(const char *)value + at + 4, bytes};
        if (!index)
            return true;
        at += 4 + bytes;
    }
    return false;
}

/* Binary coded decimals in bits of the first word, as SMPTE 12M packs them for television at 60 fields a second. */
bool smalti_exr_attribute_timecode(const smalti_exr_attribute *attribute, smalti_exr_timecode *timecode)
{
    if (attribute->type != SMALTI_EXR_TYPE_TIMECODE || !attribute->value)
        return false;
    uint32_t word = smalti__le32(attribute->value);
#define DIGITS(shift, tens_mask) ((word >> (shift) & 15) + 10 * (word >> ((shift) + 4) & (tens_mask)))
    *timecode = (smalti_exr_timecode){
        .hours = DIGITS(24, 3),
        .minutes = DIGITS(16, 7),
        .seconds = DIGITS(8, 7),
        .frame = DIGITS(0, 3),
        .drop_frame = word >> 6 & 1,
        .color_frame = word >> 7 & 1,
        .field_phase = word >> 15 & 1,
        .user_data = smalti__le32(attribute->value + 4),
    };
#undef DIGITS
    return true;
}

/* ---- Names of values ---- */

#define NAME_OF(value, names) ((size_t)(value) < SMALTI__COUNT(names) ? (names)[value] : "unknown")

const char *smalti_exr_compression_name(smalti_exr_compression compression)
{
    static const char *const names[] = {"none", "rle",  "zips", "zip",  "piz",      "pxr24",
                                        "b44",  "b44a", "dwaa", "dwab", "htj2k256", "htj2k32"};
    return NAME_OF(compression, names);
}

const char *smalti_exr_kind_name(smalti_exr_kind kind)
{
    static const char *const names[] = {"scanlineimage", "tiledimage", "deepscanline", "deeptile"};
    return NAME_OF(kind, names);
}

const char *smalti_exr_sample_name(smalti_exr_sample sample)
{
    static const char *const names[] = {"uint", "half", "float"};
    return NAME_OF(sample, names);
}

const char *smalti_exr_line_order_name(uint32_t line_order)
{
    static const char *const names[] = {"increasing", "decreasing", "random"};
    return NAME_OF(line_order, names);
}
