//! Wire types, transcript renderers, error envelope and the edge to inference signature
