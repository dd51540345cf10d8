/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: .cube files. Whatever is read can be looked up in, anywhere. */
#include "step/cube.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const float values[] = {-INFINITY, -1e30f, -1, 0, 1e-30f, 0.3f, 0.999999f, 1, 1.5f, 1e30f, INFINITY, NAN};
    smalti__cube cube;
    smalti_error error = {0};
    char *exact = malloc(size ? size : 1); /* so that a read past the end is seen */
    if (!exact)
        return 0;
    if (size)
        memcpy(exact, data, size);
    smalti_result result = smalti__cube_parse(exact, size, "fuzz", &cube, &error);
    free(exact);
    if (result < 0) {
        if (error.code != result || strncmp(error.message, "fuzz: ", 6))
            abort();
        return 0;
    }
    for (size_t i = 0; i < SMALTI__COUNT(values) * SMALTI__COUNT(values); i++) {
        const float in[3] = {values[i % SMALTI__COUNT(values)], values[i / SMALTI__COUNT(values)], values[i * 7 % 12]};
        float out[3];
        smalti__cube_apply(&cube, in, out);
        for (int c = 0; c < 3; c++)
            if (!(out[c] >= -4e9f && out[c] <= 4e9f)) /* of entries within 10⁹ */
                abort();
    }
    smalti__cube_clear(&cube);
    return 0;
}
