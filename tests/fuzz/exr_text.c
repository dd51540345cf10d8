/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: what people write for EXR files: rules for layers, conditions of --where, and Cryptomatte manifests. */
#include "cli/exr.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A header to ask about. */
static const smalti_exr_channel channels[] = {{.name = "R", .name_size = 1, .sample = SMALTI_EXR_HALF, 1, 1},
                                              {.name = "depth.Z", .name_size = 7, .sample = SMALTI_EXR_FLOAT, 1, 1}};
static const smalti_exr_attribute attributes[] = {
    {"owner", "string", (const uint8_t *)"me", 0, 0, 2, SMALTI_EXR_TYPE_STRING},
    {"half", "rational", (const uint8_t *)"\1\0\0\0\2\0\0\0", 0, 0, 8, SMALTI_EXR_TYPE_RATIONAL},
    {"views", "stringvector", (const uint8_t *)"\1\0\0\0a\0\0\0\0", 0, 0, 9, SMALTI_EXR_TYPE_STRING_VECTOR},
    {"large", "string", NULL, 0, 0, 99999, SMALTI_EXR_TYPE_STRING},
};
static const smalti_exr_part part = {.attributes = attributes,
                                     .channels = channels,
                                     .attribute_count = 4,
                                     .channel_count = 2,
                                     .data_window = {0, 0, 99, 49},
                                     .compression = SMALTI_EXR_ZIP,
                                     .pixel_aspect = 1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smalti_exr_rules *rules;
    exr_where *where;
    smalti_error error;
    uint64_t entries;
    const smalti_exr_header header = {.part_count = 1, .parts = &part};
    char *text = malloc(size + 1); /* exactly as large as the input */
    if (!text)
        return 0;
    memcpy(text, data, size);
    if (smalti_exr_rules_new(text, size, "fuzz", &rules, &error) == SMALTI_OK) {
        if (!smalti_exr_rules_groups(rules)[0])
            abort(); /* there is always one for the rest */
        smalti_exr_rules_free(rules);
    }
    exr_crypto_count(text, size, &entries);
    text[size] = 0;
    if (exr_where_parse(text, &where, &error) == SMALTI_OK) {
        exr_where_holds(where, &header, "fuzz.exr");
        exr_where_free(where);
    } else if (!*error.message) {
        abort();
    }
    free(text);
    return 0;
}
