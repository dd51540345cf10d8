/* SPDX-License-Identifier: Apache-2.0
 * The profiles of sRGB and Display P3, written to ICC.1:2022 (version 4.4's parts that 4.0 has): a parametric curve, three
 * colorants, no more than is required. */
#include "pixel/color_parts.h"

#include <math.h>
#include <pthread.h>

enum { RGB_TAGS = 10, GRAY_TAGS = 5, HEAD = 128, MOST = 512 };

typedef struct written {
    uint8_t data[MOST];
    size_t size;
    uint32_t tags; /* written so far */
} written;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static written profiles[2][2]; /* [target][gray, RGB] */

static void put_word(written *profile, uint32_t word)
{
    smalti__put_be32(profile->data + profile->size, word);
    profile->size += 4;
}

/* s15Fixed16Number */
static void put_fixed(written *profile, double value)
{
    put_word(profile, (uint32_t)(int32_t)lround(value * 65536));
}

static void name_tag(written *profile, const char signature[4], size_t offset, size_t size)
{
    uint8_t *entry = profile->data + HEAD + 4 + 12 * profile->tags++;
    memcpy(entry, signature, 4);
    smalti__put_be32(entry + 4, (uint32_t)offset);
    smalti__put_be32(entry + 8, (uint32_t)size);
}

/* A type's signature and its reserved word; returns where it stands. */
static size_t begin(written *profile, const char type[4])
{
    size_t offset = profile->size;
    memcpy(profile->data + offset, type, 4);
    profile->size += 8; /* the bytes behind are zeros already */
    return offset;
}

static void put_text(written *profile, const char signature[4], const char *text)
{
    size_t offset = begin(profile, "mluc"), length = strlen(text);
    put_word(profile, 1);
    put_word(profile, 12);
    memcpy(profile->data + profile->size, "enUS", 4);
    profile->size += 4;
    put_word(profile, (uint32_t)(2 * length));
    put_word(profile, 28);
    for (size_t i = 0; i < length; i++)
        profile->data[profile->size + 2 * i + 1] = (uint8_t)text[i]; /* UTF-16 */
    profile->size += 2 * length;
    name_tag(profile, signature, offset, profile->size - offset);
    profile->size = smalti__align(profile->size, 4);
}

static void put_xyz(written *profile, const char signature[4], double x, double y, double z)
{
    size_t offset = begin(profile, "XYZ ");
    put_fixed(profile, x);
    put_fixed(profile, y);
    put_fixed(profile, z);
    name_tag(profile, signature, offset, profile->size - offset);
}

/* How D65 was adapted to D50: Bradford. */
static void put_adaptation(written *profile)
{
    static const double matrix[9] = SMALTI__COLOR_ADAPTATION;
    size_t offset = begin(profile, "sf32");
    for (int i = 0; i < 9; i++)
        put_fixed(profile, matrix[i]);
    name_tag(profile, "chad", offset, profile->size - offset);
}

/* Y = (aX + b)^g from d on, cX below. */
static void put_curve(written *profile, const char *const signatures[], size_t count)
{
    size_t offset = begin(profile, "para");
    put_word(profile, 3u << 16);
    put_fixed(profile, 2.4);
    put_fixed(profile, 1 / 1.055);
    put_fixed(profile, 0.055 / 1.055);
    put_fixed(profile, 1 / 12.92);
    put_fixed(profile, 0.04045);
    for (size_t i = 0; i < count; i++)
        name_tag(profile, signatures[i], offset, profile->size - offset);
}

/* The date is that of the code, so that the bytes are always the same. */
static void put_head(written *profile, bool rgb)
{
    uint8_t *head = profile->data;
    smalti__put_be32(head + 8, 0x04200000);
    memcpy(head + 12, rgb ? "mntrRGB XYZ " : "mntrGRAYXYZ ", 12);
    static const uint8_t date[] = {2026 >> 8, 2026 & 255, 0, 1, 0, 1};
    memcpy(head + 24, date, sizeof date);
    memcpy(head + 36, "acsp", 4);
    profile->size = 68;
    put_fixed(profile, 0.9642); /* the light of the connection space: D50 */
    put_fixed(profile, 1);
    put_fixed(profile, 0.8249);
    profile->size = HEAD;
    put_word(profile, rgb ? RGB_TAGS : GRAY_TAGS);
    profile->size += 12 * (rgb ? RGB_TAGS : GRAY_TAGS);
}

static void make(written *profile, smalti__color_target target, bool rgb)
{
    static const char *const rgb_curves[] = {"rTRC", "gTRC", "bTRC"}, *const gray_curve[] = {"kTRC"};
    const double *m = smalti__color_space_of(target)->to_xyz;
    put_head(profile, rgb);
    put_text(profile, "desc", !rgb ? "Gray, sRGB curve" : target == SMALTI__COLOR_P3 ? "Display P3" : "sRGB");
    put_text(profile, "cprt", "CC0");
    put_xyz(profile, "wtpt", 0.9642, 1, 0.8249);
    put_adaptation(profile);
    if (rgb) {
        put_xyz(profile, "rXYZ", m[0], m[3], m[6]);
        put_xyz(profile, "gXYZ", m[1], m[4], m[7]);
        put_xyz(profile, "bXYZ", m[2], m[5], m[8]);
    }
    put_curve(profile, rgb ? rgb_curves : gray_curve, rgb ? 3 : 1);
    smalti__put_be32(profile->data, (uint32_t)profile->size);
}

static void make_all(void)
{
    for (int target = 0; target < 2; target++)
        for (int rgb = 0; rgb < 2; rgb++)
            make(&profiles[target][rgb], (smalti__color_target)target, rgb);
}

void smalti__color_profile(smalti__color_target target, uint32_t channels, const void **data, size_t *size)
{
    pthread_once(&once, make_all);
    const written *profile = &profiles[target == SMALTI__COLOR_P3][channels >= 3];
    *data = profile->data;
    *size = profile->size;
}
