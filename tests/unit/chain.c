/* SPDX-License-Identifier: Apache-2.0
 * Chains: nothing is decoded early, any input will do, branches share their work. */
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain_made.h"

/* ---- before the run ---- */

TEST("sizes follow the steps, and the pixels are not looked at before something is written")
{
    size_t size;
    make_folder();
    put_picture("whole.png", 300, 200);
    uint8_t *data = get("whole.png", &size);
    memset(data + size / 3, 0x5a, size / 3); /* the head is whole */
    put("in.png", data, size);
    free(data);
    smalti_chain *chain = open_chain("in.png");
    CHECK_STR(smalti_chain_info(chain)->format, "png");
    CHECK_INT(smalti_chain_info(chain)->width, 300);
    check_size(chain, 300, 200);
    CHECK_OK(smalti_chain_step(chain, "crop", "200x100+10+20", &error), error);
    check_size(chain, 200, 100);
    CHECK_OK(smalti_chain_step(chain, "rotate", "90", &error), error);
    check_size(chain, 100, 200);
    CHECK_OK(smalti_chain_kernel(chain, "invert", NULL, &error), error);
    CHECK_OK(smalti_chain_resize(chain, 50, 0, &error), error);
    check_size(chain, 50, 100);
    CHECK_INT(smalti_result_class(smalti_chain_write_file(chain, "out.png", NULL, &error)), 2);
    CHECK_HAS(error.message, "in.png: ");
    CHECK(!is_there("out.png"));
    smalti_chain_free(chain);
    remove_folder();
}

TEST("a step that is wrong is refused when it is added, and leaves the chain as it was")
{
    make_folder();
    put_picture("in.png", 60, 40);
    smalti_chain *chain = open_chain("in.png");
    CHECK_INT(smalti_chain_step(chain, "resise", "10x10", &error), SMALTI_E_INVALID_KEY);
    CHECK_HAS(error.message, "resize");
    CHECK_INT(smalti_chain_step(chain, "resize", "10x10:fitt=cover", &error), SMALTI_E_INVALID_KEY);
    CHECK_INT(smalti_chain_step(chain, "resize", "width=wide", &error), SMALTI_E_INVALID_TYPE);
    CHECK_INT(smalti_chain_resize(chain, 0, 0, &error), SMALTI_E_INVALID_TYPE);
    CHECK(smalti_chain_step(chain, "crop", "61x10", &error) < 0);
    CHECK_HAS(error.message, "in.png");
    CHECK(smalti_chain_kernel(chain, "no_such_kernel", NULL, &error) < 0);
    CHECK(smalti_chain_kernel(chain, "invert", "no_such=1", &error) < 0);
    CHECK_OK(smalti_chain_set(chain, "limits.pixels", "100000", &error), error);
    CHECK_INT(smalti_chain_step(chain, "resize", "1000x1000:fit=fill", &error), SMALTI_E_LIMIT_PIXELS);
    check_size(chain, 60, 40);
    smalti_image all = {0}, out = pixels_of(chain);
    CHECK_OK(smalti_image_read("in.png", &all, &error), error);
    CHECK(same(&all, &out));
    smalti_image_free(&all);
    smalti_image_free(&out);
    for (int i = 0; i < 64; i++)
        CHECK_OK(smalti_chain_step(chain, "flip", NULL, &error), error);
    CHECK_INT(smalti_chain_step(chain, "flip", NULL, &error), SMALTI_E_LIMIT);
    smalti_chain_free(chain);
    remove_folder();
}

TEST("settings that do not belong to a chain, or come too late, are refused by name")
{
    make_folder();
    put_picture("in.png", 60, 40);
    smalti_chain *chain = open_chain("in.png");
    CHECK_INT(smalti_chain_set(chain, "output.dir", "elsewhere", &error), SMALTI_E_INVALID_KEY);
    CHECK_HAS(error.message, "output.dir");
    CHECK_INT(smalti_chain_set(chain, "output.qualty", "3", &error), SMALTI_E_INVALID_KEY);
    CHECK_INT(smalti_chain_set(chain, "output.quality", "300", &error), SMALTI_E_INVALID_RANGE);
    CHECK_OK(smalti_chain_set(chain, "input.orient", "false", &error), error);
    CHECK_OK(smalti_chain_step(chain, "flip", NULL, &error), error);
    CHECK_INT(smalti_chain_set(chain, "input.orient", "true", &error), SMALTI_E_INVALID_CONFLICT);
    CHECK_OK(smalti_chain_set(chain, "output.format", "tga", &error), error);
    CHECK_INT(smalti_chain_write_file(chain, "out.tga", NULL, &error), SMALTI_E_INVALID_RANGE);
    CHECK_HAS(error.message, "tga");
    smalti_chain_free(chain);
    remove_folder();
}

/* ---- inputs ---- */

static smalti_chain *open_pipe(const void *data, size_t size)
{
    int ends[2];
    smalti_chain *chain = NULL;
    CHECK(pipe(ends) == 0 && write(ends[1], data, size) == (ssize_t)size);
    close(ends[1]);
    CHECK_OK(smalti_chain_open_fd(ends[0], "pipe", NULL, &chain, &error), error);
    close(ends[0]);
    return chain;
}

TEST("a path, a descriptor, a pipe, bytes and pixels all give the same image, as often as it is asked for")
{
    make_folder();
    size_t size;
    smalti_chain *chains[5] = {0};
    smalti_image image = picture(50, 70, 4, SMALTI_SAMPLE_U16);
    CHECK_OK(smalti_image_write(&image, "in.png", NULL, &error), error);
    void *data = get("in.png", &size);
    CHECK(size < 60000); /* a pipe holds it */
    FILE *file = fopen("in.png", "rb");
    CHECK(file && fseek(file, 9, SEEK_SET) == 0 && fgetc(file) >= 0); /* its place does not matter */
    chains[0] = open_chain("in.png");
    CHECK_OK(smalti_chain_open_fd(fileno(file), "descriptor", NULL, &chains[1], &error), error);
    fclose(file);
    chains[2] = open_pipe(data, size);
    CHECK_OK(smalti_chain_open_memory(data, size, "bytes", &chains[3], &error), error);
    CHECK_OK(smalti_chain_open_image(&image, &chains[4], &error), error);
    CHECK_STR(smalti_chain_info(chains[4])->format, "");
    CHECK_STR(smalti_chain_info(chains[4])->color, "rgba");
    for (int i = 0; i < 5; i++) {
        for (int again = 0; again < 2; again++) {
            smalti_image out = pixels_of(chains[i]);
            CHECK(same(&image, &out));
            smalti_image_free(&out);
        }
        void *made = NULL;
        CHECK_OK(smalti_chain_write_memory(chains[i], &made, &size, NULL, &error), error);
        CHECK(size > 8 && !memcmp(made, "\x89PNG", 4));
        free(made);
        smalti_chain_free(chains[i]);
    }
    free(data);
    smalti_image_free(&image);
    remove_folder();
}

TEST("an input that is missing, empty, no image or a folder is an error that names it")
{
    smalti_chain *chain = NULL;
    make_folder();
    put("empty.png", "", 0);
    put("text.png", "not an image at all", 19);
    CHECK_INT(smalti_chain_open("missing.png", NULL, &chain, &error), SMALTI_E_IO);
    CHECK_HAS(error.message, "missing.png");
    CHECK_INT(smalti_chain_open("empty.png", NULL, &chain, &error), SMALTI_E_FORMAT_TRUNCATED);
    CHECK_HAS(error.message, "empty.png");
    CHECK_INT(smalti_chain_open("text.png", NULL, &chain, &error), SMALTI_E_FORMAT_UNKNOWN);
    CHECK_HAS(error.message, "text.png");
    CHECK_INT(smalti_chain_open(folder, NULL, &chain, &error), SMALTI_E_IO);
    CHECK_INT(smalti_chain_open_memory(NULL, 0, "nothing", &chain, &error), SMALTI_E_FORMAT_TRUNCATED);
    CHECK_INT(smalti_chain_open_fd(-1, "closed", NULL, &chain, &error), SMALTI_E_IO);
    smalti_image none = {.width = 3, .height = 3, .channels = 5, .sample = SMALTI_SAMPLE_U8, .pitch = 15};
    CHECK_INT(smalti_chain_open_image(&none, &chain, &error), SMALTI_E_INVALID);
    CHECK(!chain);
    remove_folder();
}

TEST("a pipe with more in it than half the budget is refused while it is read")
{
    int ends[2];
    static const char zeros[40000];
    smalti_chain *chain = NULL;
    const smalti_run_options options = {.size = sizeof options, .memory_bytes = 64000};
    CHECK(pipe(ends) == 0 && write(ends[1], zeros, sizeof zeros) == sizeof zeros);
    close(ends[1]);
    CHECK_INT(smalti_chain_open_fd(ends[0], "pipe", &options, &chain, &error), SMALTI_E_LIMIT);
    close(ends[0]);
}

TEST("a file that was changed between open and write is an error, and no output")
{
    make_folder();
    put_picture("in.png", 60, 40);
    smalti_chain *chain = open_chain("in.png");
    FILE *file = fopen("in.png", "ab");
    CHECK(file && fputc(0, file) == 0 && fclose(file) == 0);
    CHECK_INT(smalti_chain_write_file(chain, "out.png", NULL, &error), SMALTI_E_IO_CHANGED);
    CHECK_HAS(error.message, "in.png");
    CHECK(!is_there("out.png"));
    smalti_chain_free(chain);
    remove_folder();
}

/* ---- branches ---- */

TEST("branches are written with one decoding, and are what they are alone")
{
    make_folder();
    put_picture("in.png", 320, 240);
    smalti_chain *chain = open_chain("in.png");
    CHECK_OK(smalti_chain_step(chain, "crop", "300x200+5+6", &error), error);
    CHECK_OK(smalti_chain_kernel(chain, "invert", NULL, &error), error);
    smalti_chain *small = branch(chain, "resize", "100x"), *turned = branch(small, "rotate", "90");
    CHECK_OK(smalti_chain_step(chain, "flip", NULL, &error), error); /* not for the others any more */
    check_size(small, 100, 67);
    check_size(turned, 67, 100);
    smalti_image alone[] = {pixels_of(chain), pixels_of(small), pixels_of(turned)}, together[3] = {0}, file = {0};
    smalti_stats stats, one;
    const smalti_chain_output outputs[] = {
        {.size = sizeof *outputs, .chain = chain, .image = &together[0]},
        {.size = sizeof *outputs, .chain = small, .image = &together[1]},
        {.size = sizeof *outputs, .chain = turned, .image = &together[2]},
        {.size = sizeof *outputs, .chain = small, .path = "made/small.png"},
    };
    const smalti_run_options options = {.size = sizeof options, .strip_rows = 16};
    CHECK_OK(smalti_chain_write(outputs, 4, &options, &stats, &error), error);
    CHECK_INT(stats.tasks, 1);
    CHECK_INT(stats.done, 1);
    CHECK_INT(stats.pixels, 320 * 240);
    for (int i = 0; i < 3; i++)
        CHECK(same(&alone[i], &together[i]));
    CHECK_OK(smalti_image_read("made/small.png", &file, &error), error);
    CHECK(same(&alone[1], &file));
    /* the kernel they share was not called more often than for one of them */
    smalti_image_free(&together[0]);
    CHECK_OK(smalti_chain_write(outputs, 1, &options, &one, &error), error);
    CHECK_INT(stats.strips, one.strips);
    CHECK_INT(one.strips, 13);
    smalti_chain_free(chain); /* in this order: what the others share stays */
    smalti_chain_free(small);
    smalti_image last = pixels_of(turned);
    CHECK(same(&alone[2], &last));
    smalti_chain_free(turned);
    for (int i = 0; i < 3; i++) {
        smalti_image_free(&alone[i]);
        smalti_image_free(&together[i]);
    }
    smalti_image_free(&file);
    smalti_image_free(&last);
    remove_folder();
}

TEST("each branch has its own format, quality and metadata")
{
    make_folder();
    put_picture("in.png", 200, 160);
    smalti_chain *fine = open_chain("in.png"), *coarse = branch(fine, "flop", NULL);
    CHECK_OK(smalti_chain_set(fine, "output.format", "jpeg", &error), error);
    CHECK_OK(smalti_chain_set(fine, "output.quality", "95", &error), error);
    CHECK_OK(smalti_chain_set(coarse, "output.quality", "20", &error), error);
    CHECK_OK(smalti_chain_set(coarse, "output.format", "webp", &error), error);
    void *data[2] = {0};
    size_t size[2], alone;
    const smalti_chain_output outputs[] = {
        {.size = sizeof *outputs, .chain = fine, .data = &data[0], .data_size = &size[0]},
        {.size = sizeof *outputs, .chain = coarse, .data = &data[1], .data_size = &size[1]},
    };
    CHECK_OK(smalti_chain_write(outputs, 2, NULL, NULL, &error), error);
    CHECK(!memcmp(data[0], "\xff\xd8\xff", 3) && !memcmp(data[1], "RIFF", 4));
    CHECK(size[1] * 3 < size[0]);
    void *again = NULL;
    CHECK_OK(smalti_chain_write_memory(coarse, &again, &alone, NULL, &error), error);
    CHECK(alone == size[1] && !memcmp(again, data[1], alone));
    free(again);
    free(data[0]);
    free(data[1]);
    smalti_chain_free(fine);
    smalti_chain_free(coarse);
    remove_folder();
}

struct worker {
    smalti_chain *chain;
    smalti_image image;
    smalti_result result;
};

static void *work(void *argument)
{
    struct worker *self = argument;
    smalti_chain *copy = NULL;
    for (int i = 0; i < 20 && self->result == SMALTI_OK; i++) {
        smalti_image_free(&self->image);
        self->result = smalti_chain_clone(self->chain, &copy, NULL);
        if (self->result == SMALTI_OK)
            self->result = smalti_chain_step(copy, "flip", NULL, NULL);
        if (self->result == SMALTI_OK)
            self->result = smalti_chain_write_image(copy, &self->image, NULL, NULL);
        smalti_chain_free(copy);
        copy = NULL;
    }
    smalti_chain_free(self->chain);
    return NULL;
}

TEST("branches work in threads of their own, kernels that they share included")
{
    pthread_t threads[4];
    struct worker workers[4] = {0};
    make_folder();
    put_picture("in.png", 120, 90);
    smalti_chain *chain = open_chain("in.png");
    CHECK_OK(smalti_chain_kernel(chain, "invert", NULL, &error), error);
    smalti_chain *flipped = branch(chain, "flip", NULL);
    smalti_image expected = pixels_of(flipped);
    for (int i = 0; i < 4; i++)
        CHECK_OK(smalti_chain_clone(chain, &workers[i].chain, &error), error);
    smalti_chain_free(chain);
    smalti_chain_free(flipped);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(workers[i].result, SMALTI_OK);
        CHECK(same(&expected, &workers[i].image));
        smalti_image_free(&workers[i].image);
    }
    smalti_image_free(&expected);
    remove_folder();
}
