/* A stranger's program: public headers and the installed library, nothing else. Builds a graph; needs no device. */
#include <clade/clade.h>

#include <stdio.h>

int main(void) {
    clade_context *context = clade_context_new(NULL);
    if (context == NULL) return 1;
    clade_graph *graph = clade_graph_new(context);
    if (graph == NULL) return 1;

    clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 3, 9, 9));
    clade_value x = clade_conv2d(image, .filters = 4, .kernel = { 3, 3 }, .stride = { 2, 2 });
    x = clade_dense(clade_relu(x), .units = 2);
    clade_dims dims = clade_value_dims(x);

    clade_status status = clade_graph_status(graph);
    printf("clade %s: %s %s\n", clade_version(), clade_status_text(status), clade_error(context));
    clade_graph_free(graph);
    clade_context_free(context);
    return status == CLADE_OK && dims.rank == 2 && dims.size[0] == CLADE_BATCH && dims.size[1] == 2 ? 0 : 1;
}
