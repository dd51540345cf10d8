/* SPDX-License-Identifier: Apache-2.0
 * The orientation in EXIF. */
#include "test.h"
#include "jpeg_make.h"

#include "decode/decode.h"

TEST("the orientation is found in both byte orders and reset in place")
{
    for (int big = 0; big < 2; big++) {
        for (uint32_t orientation = 1; orientation <= 8; orientation++) {
            uint8_t tiff[EXIF_BYTES], upright[EXIF_BYTES];
            size_t offset = 0;
            make_exif(tiff, big, orientation);
            make_exif(upright, big, 1);
            CHECK_INT(smalti__exif_orientation(tiff, sizeof tiff, &offset), orientation);
            CHECK_INT(offset, 18);
            CHECK_INT(smalti__exif_orientation(tiff, sizeof tiff, NULL), orientation);
            smalti__exif_orientation_reset(tiff, sizeof tiff);
            CHECK(!memcmp(tiff, upright, sizeof tiff));
        }
    }
}

TEST("an orientation behind other entries and far from the header is found")
{
    uint8_t tiff[400] = {'M',
                         'M',
                         0,
                         42,
                         0,
                         0,
                         0,
                         200,
                         [201] = 3,
                         [202] = 1,
                         [203] = 0x0f,
                         [214] = 1,
                         [215] = 0x10,
                         [226] = 1,
                         [227] = 0x12,
                         [229] = 3,
                         [233] = 1,
                         [235] = 6};
    size_t offset;
    CHECK_INT(smalti__exif_orientation(tiff, sizeof tiff, &offset), 6);
    CHECK_INT(offset, 234);
}

TEST("malformed EXIF has orientation 1 and is not changed")
{
    /* offset in a well-formed structure, and the byte that spoils it */
    static const uint8_t spoils[][2] = {{0, 'X'}, {1, 'M'}, {2, 43}, {4, 7},  {4, 0},  {5, 255}, {7, 255}, {8, 0},
                                        {10, 0},  {12, 4},  {12, 1}, {14, 2}, {14, 0}, {18, 0},  {18, 9},  {19, 1}};
    for (size_t i = 0; i < SMALTI__COUNT(spoils); i++) {
        uint8_t tiff[EXIF_BYTES], before[EXIF_BYTES];
        size_t offset = 1;
        make_exif(tiff, false, 6);
        tiff[spoils[i][0]] = spoils[i][1];
        memcpy(before, tiff, sizeof tiff);
        if (smalti__exif_orientation(tiff, sizeof tiff, &offset) != 1 || offset != 0)
            TEST_FAIL("byte %u as %u is taken", spoils[i][0], spoils[i][1]);
        smalti__exif_orientation_reset(tiff, sizeof tiff);
        CHECK(!memcmp(tiff, before, sizeof tiff));
    }
    CHECK_INT(smalti__exif_orientation(NULL, 0, NULL), 1);
    smalti__exif_orientation_reset(NULL, 0);
}

TEST("EXIF cut off anywhere is read no further than its end")
{
    for (int big = 0; big < 2; big++) {
        for (size_t size = 0; size < EXIF_BYTES; size++) {
            uint8_t tiff[EXIF_BYTES];
            make_exif(tiff, big, 8);
            uint8_t *exact = malloc(size ? size : 1); /* the sanitizer sees a byte too many */
            memcpy(exact, tiff, size);
            /* the entry ends four bytes before the structure does */
            uint32_t expected = size >= 22 ? 8 : 1;
            uint32_t found = smalti__exif_orientation(exact, size, NULL);
            smalti__exif_orientation_reset(exact, size);
            free(exact);
            CHECK_INT(found, expected);
        }
    }
}
