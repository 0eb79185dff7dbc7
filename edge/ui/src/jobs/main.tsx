import { mount } from "../parts/mount";
import { Jobs } from "./Jobs";
import "../look/source.css";
import "../look/transcript.css";
import "../look/library.css";
import "./jobs.css";

mount(<Jobs />);
