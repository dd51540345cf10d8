/* SPDX-License-Identifier: Apache-2.0
 * Outputs of chains: to files, memory and functions, all there or none is; limits, budgets and cancellation. */
#include <pthread.h>
#include <unistd.h>

#include "chain_made.h"

struct received {
    uint8_t *data;
    size_t size, calls;
    smalti_result answer; /* from the second call on */
    smalti_cancel *cancel; /* requested by another thread during the first call */
};

static void *request(void *cancel)
{
    smalti_cancel_request(cancel);
    return NULL;
}

static smalti_result receive(void *user, const void *data, size_t size)
{
    struct received *self = user;
    pthread_t thread;
    if (self->cancel && !self->calls && pthread_create(&thread, NULL, request, self->cancel) == 0)
        pthread_join(thread, NULL);
    if (self->calls++ && self->answer < 0)
        return self->answer;
    self->data = realloc(self->data, self->size + size);
    memcpy(self->data + self->size, data, size);
    self->size += size;
    return SMALTI_OK;
}

TEST("a function gets the bytes that the file and the memory get, in every format")
{
    static const char *const formats[] = {"png", "jpeg", "webp", "tiff", "pnm", "avif"};
    make_folder();
    put_picture("in.png", 260, 190); /* several blocks of 64 KiB where it is not compressed */
    smalti_chain *chain = open_chain("in.png");
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct received received = {0};
        void *data = NULL;
        size_t size, file_size;
        CHECK_OK(smalti_chain_set(chain, "output.format", formats[i], &error), error);
        const smalti_chain_output outputs[] = {
            {.size = sizeof *outputs, .chain = chain, .write = receive, .user = &received},
            {.size = sizeof *outputs, .chain = chain, .path = "out"},
            {.size = sizeof *outputs, .chain = chain, .data = &data, .data_size = &size},
        };
        smalti_stats stats;
        CHECK_OK(smalti_chain_write(outputs, 3, NULL, &stats, &error), error);
        void *file = get("out", &file_size);
        CHECK_INT(received.size, file_size);
        CHECK_INT(size, file_size);
        CHECK_INT(stats.bytes_out, 3 * file_size);
        CHECK(!memcmp(received.data, file, size) && !memcmp(data, file, size));
        if (!strcmp(formats[i], "pnm"))
            CHECK(received.calls >= 2);
        free(received.data);
        free(data);
        free(file);
    }
    smalti_chain_free(chain);
    remove_folder();
}

/* Three outputs, of which the function ends the run; the others must not have been touched. */
static smalti_result write_in_vain(const smalti_chain *chain, struct received *received,
                                   const smalti_run_options *options)
{
    void *data = &data;
    size_t size = 77, old_size;
    smalti_image image = {.width = 5};
    put("out.pnm", "old", 3);
    const smalti_chain_output outputs[] = {
        {.size = sizeof *outputs, .chain = chain, .path = "out.pnm"},
        {.size = sizeof *outputs, .chain = chain, .data = &data, .data_size = &size},
        {.size = sizeof *outputs, .chain = chain, .image = &image},
        {.size = sizeof *outputs, .chain = chain, .write = receive, .user = received},
    };
    smalti_result result = smalti_chain_write(outputs, 4, options, NULL, &error);
    void *old = get("out.pnm", &old_size);
    CHECK(old_size == 3 && !memcmp(old, "old", 3));
    CHECK(data == &data && size == 77 && image.width == 5 && !image.data);
    free(old);
    free(received->data);
    return result;
}

TEST("a function that gives up ends the run with its code, and the other outputs are untouched")
{
    make_folder();
    put_picture("in.png", 400, 300);
    smalti_chain *chain = open_chain("in.png");
    CHECK_OK(smalti_chain_set(chain, "output.format", "pnm", &error), error);
    struct received received = {.answer = SMALTI_E_PEER};
    CHECK_INT(write_in_vain(chain, &received, NULL), SMALTI_E_PEER);
    CHECK_INT(received.calls, 2);
    CHECK_INT(error.code, SMALTI_E_PEER);
    CHECK_HAS(error.message, "writer");
    smalti_chain_free(chain);
    remove_folder();
}

TEST("a function that gives up at the very last bytes leaves the other outputs untouched too")
{
    make_folder();
    put_picture("in.png", 150, 180); /* 81 KiB: one block while it is encoded, the rest at the end */
    smalti_chain *chain = open_chain("in.png");
    CHECK_OK(smalti_chain_set(chain, "output.format", "pnm", &error), error);
    struct received received = {.answer = SMALTI_E_IO};
    CHECK_INT(write_in_vain(chain, &received, NULL), SMALTI_E_IO);
    CHECK_INT(received.calls, 2);
    smalti_chain_free(chain);
    remove_folder();
}

TEST("another thread cancels in the middle, and no output is touched")
{
    make_folder();
    put_picture("in.png", 400, 300);
    smalti_cancel *cancel = NULL;
    CHECK_OK(smalti_cancel_new(&cancel, &error), error);
    const smalti_run_options options = {.size = sizeof options, .cancel = cancel};
    smalti_chain *chain = open_chain("in.png");
    CHECK_OK(smalti_chain_set(chain, "output.format", "pnm", &error), error);
    struct received received = {.cancel = cancel};
    CHECK_INT(write_in_vain(chain, &received, &options), SMALTI_E_CANCELLED);
    CHECK(received.calls >= 1 && received.size < 400 * 300 * 3);
    smalti_chain_free(chain);
    smalti_cancel_free(cancel);
    remove_folder();
}

TEST("the memory budget holds, pixels that are given out included")
{
    enum { MIB = 1 << 20 };
    make_folder();
    put_picture("in.png", 900, 1600);
    smalti_chain *chain = open_chain("in.png");
    smalti_image image = {0};
    smalti_stats stats;
    smalti_run_options options = {.size = sizeof options, .memory_bytes = 7 * MIB, .jobs = 1};
    const smalti_chain_output pixels = {.size = sizeof pixels, .chain = chain, .image = &image};
    CHECK_INT(smalti_chain_write(&pixels, 1, &options, NULL, &error), SMALTI_E_LIMIT_MEMORY);
    CHECK(!image.data);
    /* the same pixels through an encoder, a strip at a time */
    const smalti_chain_output file = {.size = sizeof file, .chain = chain, .path = "out.jpg"};
    CHECK_OK(smalti_chain_write(&file, 1, &options, &stats, &error), error);
    CHECK(stats.peak_bytes <= options.memory_bytes);
    options.memory_bytes = 12 * MIB;
    CHECK_OK(smalti_chain_write(&pixels, 1, &options, &stats, &error), error);
    CHECK(stats.peak_bytes <= options.memory_bytes && stats.peak_bytes > 900 * 1600 * 3);
    smalti_image_free(&image);
    smalti_chain_free(chain);
    remove_folder();
}

TEST("limits of the image hold when it is written, whatever was opened")
{
    make_folder();
    put_picture("in.png", 60, 40);
    smalti_chain *chain = open_chain("in.png");
    CHECK_OK(smalti_chain_set(chain, "limits.pixels", "2399", &error), error);
    CHECK_INT(smalti_chain_write_file(chain, "out.png", NULL, &error), SMALTI_E_LIMIT_PIXELS);
    CHECK_OK(smalti_chain_set(chain, "limits.pixels", "2400", &error), error);
    CHECK_OK(smalti_chain_write_file(chain, "out.png", NULL, &error), error);
    smalti_chain_free(chain);
    remove_folder();
}

TEST("outputs that contradict each other are refused before anything is read")
{
    make_folder();
    put_picture("in.png", 60, 40);
    smalti_chain *chain = open_chain("in.png"), *other = open_chain("in.png"), *strict = branch(chain, "flip", NULL);
    void *data = NULL;
    size_t size = 0;
    CHECK_OK(smalti_chain_set(strict, "limits.preset", "strict", &error), error);
    smalti_chain_output two[] = {{.size = sizeof *two, .chain = chain, .path = "a.png"},
                                 {.size = sizeof *two, .chain = chain, .path = "a.png"}};
    CHECK_INT(smalti_chain_write(two, 0, NULL, NULL, &error), SMALTI_E_INVALID);
    CHECK_INT(smalti_chain_write(two, 65, NULL, NULL, &error), SMALTI_E_INVALID);
    CHECK_INT(smalti_chain_write(two, 2, NULL, NULL, &error), SMALTI_E_INVALID_CONFLICT);
    CHECK_HAS(error.message, "a.png");
    two[1].path = "b.png";
    two[1].data = &data;
    two[1].data_size = &size;
    CHECK_INT(smalti_chain_write(two, 2, NULL, NULL, &error), SMALTI_E_INVALID); /* two destinations */
    two[1].path = NULL;
    two[1].data_size = NULL;
    CHECK_INT(smalti_chain_write(two, 2, NULL, NULL, &error), SMALTI_E_INVALID);
    two[1] = (smalti_chain_output){.size = sizeof *two, .chain = other, .path = "b.png"};
    CHECK_INT(smalti_chain_write(two, 2, NULL, NULL, &error), SMALTI_E_INVALID); /* another image */
    two[1].chain = strict;
    CHECK_INT(smalti_chain_write(two, 2, NULL, NULL, &error), SMALTI_E_INVALID_CONFLICT);
    CHECK_HAS(error.message, "limits.preset");
    two[1] = (smalti_chain_output){.size = sizeof *two, .chain = chain, .path = "no_extension"};
    CHECK_INT(smalti_chain_write(two, 2, NULL, NULL, &error), SMALTI_E_INVALID);
    CHECK(!is_there("a.png") && !is_there("b.png"));
    smalti_chain_free(chain);
    smalti_chain_free(other);
    smalti_chain_free(strict);
    remove_folder();
}

TEST("a chain goes over its own input only when it is told to")
{
    make_folder();
    put_picture("in.png", 60, 40);
    CHECK(symlink("in.png", "link.png") == 0);
    smalti_chain *chain = open_chain("link.png");
    CHECK_OK(smalti_chain_resize(chain, 30, 0, &error), error);
    CHECK_INT(smalti_chain_write_file(chain, "in.png", NULL, &error), SMALTI_E_INVALID_CONFLICT);
    CHECK_OK(smalti_chain_set(chain, "output.overwrite", "true", &error), error);
    CHECK_OK(smalti_chain_write_file(chain, "in.png", NULL, &error), error);
    smalti_info info;
    CHECK_OK(smalti_info_read("in.png", &info, &error), error);
    CHECK_INT(info.width, 30);
    smalti_chain_free(chain);
    remove_folder();
}
