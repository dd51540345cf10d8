/* SPDX-License-Identifier: Apache-2.0
 * Makes small EXR files for the tests of the command.
 *   mkexr FILE [KIND [COMPRESSION [CHANNELS [WIDTH HEIGHT [NAME=TEXT]...]]]]
 * KIND: scanline, tiled, deep, deeptile, or parts (a file of three parts and two views). */
#include "exr_make.h"

static const char *const *attributes;

static void more(make *m)
{
    for (size_t i = 0; attributes[i]; i++) {
        const char *equals = strchr(attributes[i], '=');
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)(equals - attributes[i]), attributes[i]);
        make_string(m, name, equals + 1);
    }
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"scanline", "tiled", "deep", "deeptile"};
    make m;
    if (argc < 2)
        return 2;
    attributes = (const char *const *)argv + (argc > 7 ? 7 : argc);
    make_part part = {.compression = argc > 3 ? atoi(argv[3]) : 3, .channels = argc > 4 ? argv[4] : NULL, .more = more};
    if (argc > 6)
        part.window[2] = atoi(argv[5]) - 1, part.window[3] = atoi(argv[6]) - 1;
    for (int i = 0; i < 4; i++)
        if (argc > 2 && !strcmp(argv[2], kinds[i]))
            part.kind = i;
    if (argc > 2 && !strcmp(argv[2], "parts")) {
        make_begin(&m, 0x1000);
        part.name = "left", part.view = "left";
        make_add(&m, part);
        part.name = "right", part.view = "right";
        make_add(&m, part);
        part.name = "tiles", part.view = NULL, part.kind = MAKE_TILED, part.channels = "Z:f";
        make_add(&m, part);
        make_finish(&m);
    } else {
        make_simple(&m, part);
    }
    FILE *file = fopen(argv[1], "wb");
    int good = file && fwrite(m.data, 1, m.size, file) == m.size;
    make_free(&m);
    return file && !fclose(file) && good ? 0 : 1;
}
