import { mount } from "../parts/mount";
import { Transcripts } from "./Transcripts";
import "../look/transcript.css";
import "../look/library.css";

mount(<Transcripts />);
