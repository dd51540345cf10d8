/* SPDX-License-Identifier: Apache-2.0
 * One photograph, two files from one decoding: a copy for the web, and a square thumbnail beside it.
 * Usage: thumbnail IN OUT THUMBNAIL  (formats by the names: photo.jpg web.webp thumb.jpg) */
#include <stdio.h>

#include <smalti/smalti.h>

/* The steps of both branches. Names and values are checked here, by what the image's head says; pixels come later. */
static smalti_result prepare(smalti_chain *web, smalti_chain **thumbnail, smalti_error *error)
{
    smalti_result result = smalti_chain_set(web, "limits.preset", "strict", error); /* the image may be anybody's */
    if (result == SMALTI_OK)
        result =
            smalti_chain_step(web, "resize", "1600x1600:enlarge=false", error); /* for both: what is cloned is shared */
    if (result == SMALTI_OK)
        result = smalti_chain_clone(web, thumbnail, error);
    if (result == SMALTI_OK)
        result = smalti_chain_step(*thumbnail, "resize", "200x200:fit=cover", error);
    if (result == SMALTI_OK)
        result = smalti_chain_set(*thumbnail, "output.quality", "70", error);
    return result;
}

static smalti_result run(const char *in, const char *out, const char *small, smalti_error *error)
{
    smalti_chain *web = NULL, *thumbnail = NULL;
    smalti_stats stats;
    uint32_t width, height;
    smalti_result result = smalti_chain_open(in, NULL, &web, error);
    if (result == SMALTI_OK)
        result = prepare(web, &thumbnail, error);
    if (result == SMALTI_OK) {
        const smalti_chain_output outputs[] = {
            {.size = sizeof *outputs, .chain = web, .path = out},
            {.size = sizeof *outputs, .chain = thumbnail, .path = small},
        };
        result = smalti_chain_write(outputs, 2, NULL, &stats, error); /* both files, or neither */
    }
    if (result == SMALTI_OK) {
        smalti_chain_size(web, &width, &height);
        printf("%s: %u x %u, read %llu pixels, wrote %llu bytes\n", out, width, height,
               (unsigned long long)stats.pixels, (unsigned long long)stats.bytes_out);
    }
    smalti_chain_free(thumbnail);
    smalti_chain_free(web);
    return result;
}

int main(int argc, char **argv)
{
    smalti_error error = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: thumbnail IN OUT THUMBNAIL\n");
        return 2;
    }
    if (run(argv[1], argv[2], argv[3], &error) == SMALTI_OK)
        return 0;
    fprintf(stderr, "thumbnail: %s\n", error.message); /* names the file or the step */
    return 1;
}
